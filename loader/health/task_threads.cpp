#include "loader/health/task_threads.h"

#include <system_error>
#include <thread>
#include <utility>

namespace policyc::health {

void TaskThreads::enqueue(std::function<void()> task) {
  {
    std::unique_lock lock(mutex_);
    ended_.wait(lock, [this] { return running_ < most_; });
    ++running_;
  }
  // The last thing that the thread touches is the lock, which shutdown() waits for.
  auto run = [this, task = std::move(task)] {
    task();
    const std::lock_guard lock(mutex_);
    --running_;
    ended_.notify_all();
  };
  try {
    std::thread(run).detach();
  } catch (const std::system_error&) {
    run();  // no threads are left: one request after the other
  }
}

void TaskThreads::shutdown() {
  std::unique_lock lock(mutex_);
  ended_.wait(lock, [this] { return running_ == 0; });
}

}  // namespace policyc::health
