#pragma once
// The event loop: descriptors, timers, and what other threads hand over. Everything but post() and
// stop() belongs to the thread that runs it.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "compiler/support/result.h"
#include "loader/bpf/fd.h"
#include "loader/reconcile/schedule.h"

namespace policyc::agent {

using reconcile::Clock;
using reconcile::TimePoint;

class Loop {
 public:
  using Action = std::function<void()>;

  [[nodiscard]] static Result<std::unique_ptr<Loop>> make();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;
  ~Loop() = default;

  // Runs `readable` whenever the descriptor is (level-triggered).
  [[nodiscard]] Result<void> watch(int fd, Action readable);
  void unwatch(int fd);
  // Of one that is watched: whether `readable` runs.
  void listen(int fd, bool on);

  using Timer = std::pair<TimePoint, std::uint64_t>;
  Timer at(TimePoint time, Action action);
  void cancel(const Timer& timer);

  // From any thread, in order; runs when what is under way is done.
  void post(Action action);
  // From any thread: run() returns.
  void stop();
  void run();
  // Waits for something and does what is due; for tests and for run().
  void turn(Clock::duration longest);

 private:
  Loop() = default;
  void run_timers();
  [[nodiscard]] bool is_anything_posted();
  void run_posted();

  bpf::Fd epoll_;
  bpf::Fd wake_;
  std::map<int, std::shared_ptr<Action>> watched_;
  std::map<Timer, Action> timers_;
  std::uint64_t next_timer_ = 0;
  std::mutex mutex_;
  std::vector<Action> posted_;
  std::thread::id thread_;  // whose turn it is
  bool stopped_ = false;
};

}  // namespace policyc::agent
