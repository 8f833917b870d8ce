#pragma once
// The compiler process as the agent's event loop sees it: one descriptor to wait for, messages in
// and out, a time to wake at.

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "compiler/support/result.h"
#include "loader/bpf/fd.h"
#include "loader/worker/frame.h"
#include "loader/worker/spawn.h"

namespace policyc::worker {

using Clock = std::chrono::steady_clock;

class Link {
 public:
  [[nodiscard]] static Result<Link> open();
  Link(Link&&) = default;
  Link& operator=(Link&&) = delete;
  ~Link();  // ends the process

  // Readable when exchange() has something to do, and from the time of wake_at() on.
  [[nodiscard]] int fd() const { return epoll_.get(); }
  // Nothing: no time. A time that was asked for before may come yet.
  [[nodiscard]] Result<void> wake_at(std::optional<Clock::time_point> when);

  [[nodiscard]] Result<void> start(const std::filesystem::path& program,
                                   const std::vector<std::string>& arguments);
  [[nodiscard]] bool up() const { return child_.has_value(); }
  [[nodiscard]] int pid() const { return child_ ? child_->pid : 0; }
  // Ends the process; what was not sent and not read is gone.
  Ending stop();
  // The end of what the last process said as standard error, on one line.
  [[nodiscard]] const std::string& errors() const { return errors_; }

  // Writes what can be written now. What is left, or goes wrong, is exchange()'s.
  void flush();
  void send(std::string frame);
  [[nodiscard]] std::size_t unsent() const { return out_.size() - sent_; }

  struct Exchange {
    std::vector<std::string> messages;
    std::string broken;  // why the conversation cannot go on; empty: it can
  };
  // Writes and reads what can be without waiting, up to a few MiB.
  [[nodiscard]] Exchange exchange();

 private:
  Link() = default;
  void watch_output();
  void read_errors();
  void write_output(Exchange& exchange);
  void read_input(Exchange& exchange);

  bpf::Fd epoll_;
  bpf::Fd timer_;
  std::optional<Clock::time_point> armed_;  // what the timer is set to
  std::optional<Child> child_;
  FrameReader in_{kMaxReplyBytes};
  std::string out_;
  std::size_t sent_ = 0;
  bool watching_output_ = false;
  std::string errors_;
};

}  // namespace policyc::worker
