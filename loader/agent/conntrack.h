#pragma once
// Removes expired connections, again and again, on a thread of its own: a pass sleeps between
// stretches of work.

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>

#include "compiler/support/result.h"
#include "loader/conntrack/collector.h"
#include "loader/endpoint/paths.h"

namespace policyc::agent {

class ConnectionCollector {
 public:
  // Called on the thread after each pass.
  using Done = std::function<void(const Result<conntrack::PassReport>&)>;

  // `interval` 0: by what each pass finds (conntrack::next_interval). A node without maps is looked
  // at again later, silently.
  ConnectionCollector(endpoint::Paths paths, std::chrono::milliseconds interval, Done done);
  ConnectionCollector(const ConnectionCollector&) = delete;
  ConnectionCollector& operator=(const ConnectionCollector&) = delete;
  ~ConnectionCollector();  // waits for a pass under way

 private:
  void run();
  [[nodiscard]] std::optional<Result<conntrack::PassReport>> pass() const;

  endpoint::Paths paths_;
  std::chrono::milliseconds interval_;
  Done done_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopped_ = false;
  std::thread thread_;
};

}  // namespace policyc::agent
