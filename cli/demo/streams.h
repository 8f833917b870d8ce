#pragma once
// Long-lived TCP connections with numbered messages going round, to watch while a policy is
// replaced under them.

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "cli/demo/traffic.h"
#include "compiler/support/result.h"
#include "loader/bpf/fd.h"

namespace policyc::demo {

struct StreamCounts {
  std::uint64_t sent = 0;           // messages
  std::uint64_t echoed = 0;         // messages that came back, in order and unharmed
  std::uint64_t wrong = 0;          // that came back other than they went
  std::uint32_t retransmitted = 0;  // TCP segments
};

class Streams {
 public:
  // Connects all (an Error when one cannot) and starts to send.
  [[nodiscard]] static Result<Streams> start(const std::vector<Exchange>& exchanges,
                                             Interrupt& interrupt);
  Streams(Streams&&) noexcept;
  Streams& operator=(Streams&&) = delete;
  ~Streams();

  // Of all streams in the order of start().
  [[nodiscard]] std::vector<StreamCounts> counts() const;
  // Sends nothing more; what is under way still comes back.
  void stop_sending();
  [[nodiscard]] std::uint16_t source_port(std::size_t stream) const;

 private:
  struct Loop;
  explicit Streams(std::unique_ptr<Loop> loop);
  std::unique_ptr<Loop> loop_;
  std::thread thread_;
};

}  // namespace policyc::demo
