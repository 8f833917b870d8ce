#include "loader/worker/compile_pool.h"

#include <exception>

namespace policyc::worker {

CompilePool::CompilePool(unsigned threads, Done done) : done_(std::move(done)) {
  for (unsigned i = 0; i < threads; ++i) threads_.emplace_back([this] { work(); });
}

CompilePool::~CompilePool() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  ready_.notify_all();
}

void CompilePool::add(std::uint64_t id, std::uint32_t priority,
                      std::shared_ptr<const driver::SessionShape> shape) {
  {
    const std::lock_guard lock(mutex_);
    jobs_.push({priority, next_order_++, id, std::move(shape)});
  }
  ready_.notify_one();
}

void CompilePool::work() {
  while (true) {
    std::unique_lock lock(mutex_);
    ready_.wait(lock, [this] { return ending_ || !jobs_.empty(); });
    if (ending_) return;
    const Job job = jobs_.top();
    jobs_.pop();
    lock.unlock();
    try {
      done_(job.id, driver::compile(*job.shape));
    } catch (const std::exception& error) {
      done_(job.id, fail(std::string("the shape cannot be compiled: ") + error.what()));
    }
  }
}

}  // namespace policyc::worker
