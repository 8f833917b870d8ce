#pragma once
// Threads that compile shapes in the order of their priorities. Internal to the compiler process.

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <queue>
#include <thread>
#include <vector>

#include "compiler/driver/session.h"

namespace policyc::worker {

class CompilePool {
 public:
  using Done = std::function<void(std::uint64_t id, Result<backend::Bytes> object)>;

  // `done` is called on the threads.
  CompilePool(unsigned threads, Done done);
  CompilePool(const CompilePool&) = delete;
  CompilePool& operator=(const CompilePool&) = delete;
  // Waits for what was begun; the rest is forgotten.
  ~CompilePool();

  // Larger priorities come first, equal ones in their order.
  void add(std::uint64_t id, std::uint32_t priority,
           std::shared_ptr<const driver::SessionShape> shape);

 private:
  struct Job {
    std::uint32_t priority = 0;
    std::uint64_t order = 0;
    std::uint64_t id = 0;
    std::shared_ptr<const driver::SessionShape> shape;
    friend bool operator<(const Job& a, const Job& b) {
      return a.priority != b.priority ? a.priority < b.priority : a.order > b.order;
    }
  };
  void work();

  Done done_;
  std::mutex mutex_;
  std::condition_variable ready_;
  std::priority_queue<Job> jobs_;
  std::uint64_t next_order_ = 0;
  bool ending_ = false;
  std::vector<std::jthread> threads_;
};

}  // namespace policyc::worker
