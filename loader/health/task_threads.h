#pragma once
// A thread for each request that is under way, up to a bound: a service that nobody asks costs no
// threads, and a client that dawdles holds one of many.

#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>

#include <httplib.h>

namespace policyc::health {

class TaskThreads : public httplib::TaskQueue {
 public:
  explicit TaskThreads(std::size_t most) : most_(most) {}

  // Waits while `most` are under way.
  void enqueue(std::function<void()> task) override;
  // Waits for all of them.
  void shutdown() override;

 private:
  std::size_t most_;
  std::mutex mutex_;
  std::condition_variable ended_;
  std::size_t running_ = 0;
};

}  // namespace policyc::health
