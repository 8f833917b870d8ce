#pragma once
// SIGINT, SIGTERM and SIGHUP as something that poll(2) can wait for, so that every end of the demo
// goes through its cleanup.

#include "compiler/support/result.h"
#include "loader/bpf/fd.h"

namespace policyc::demo {

// Blocks the signals for the calling thread, and for those that it starts, while it lives.
class Interrupt {
 public:
  [[nodiscard]] static Result<Interrupt> install();
  Interrupt(Interrupt&&) noexcept = default;
  Interrupt& operator=(Interrupt&&) = delete;
  ~Interrupt();

  [[nodiscard]] int fd() const { return fd_.get(); }  // readable once a signal came
  // The signal that came, 0 for none.
  [[nodiscard]] int signal();
  [[nodiscard]] bool requested() { return signal() != 0; }
  // Waits; false when a signal ended the wait.
  [[nodiscard]] bool sleep(int milliseconds);

 private:
  explicit Interrupt(bpf::Fd fd) : fd_(std::move(fd)) {}
  bpf::Fd fd_;
  int signal_ = 0;
};

}  // namespace policyc::demo
