#include "compiler/driver/compile_all.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>

#include <sched.h>

namespace policyc::driver {
namespace {

using Clock = std::chrono::steady_clock;

// Those that this process may run on, which may be fewer than the machine has.
unsigned usable_cpus() {
  cpu_set_t set;
  if (::sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  return static_cast<unsigned>(std::max(1, CPU_COUNT(&set)));
}

struct Slot {
  std::optional<Result<CompiledObject>> result;
  Clock::duration elapsed{};
};

}  // namespace

void compile_all(
    std::span<const ShapeUnit> units, const source::SourceMap& sources, const ShapeOptions& options,
    unsigned threads,
    const std::function<bool(const ShapeUnit&, Result<CompiledObject>, Clock::duration)>& take) {
  std::vector<Slot> slots(units.size());
  std::atomic<std::size_t> next{0};
  std::mutex mutex;
  std::condition_variable ready;
  const auto work = [&] {
    for (std::size_t i = next++; i < units.size(); i = next++) {
      const auto start = Clock::now();
      auto result = compile_shape(units[i].shape, sources, options);
      const std::lock_guard lock(mutex);
      slots[i].elapsed = Clock::now() - start;
      slots[i].result = std::move(result);
      ready.notify_one();
    }
  };
  const std::size_t wanted = threads == 0 ? usable_cpus() : threads;
  std::vector<std::jthread> workers;
  for (std::size_t i = 0; i < std::min(wanted, units.size()); ++i) workers.emplace_back(work);
  for (std::size_t i = 0; i < units.size(); ++i) {
    std::unique_lock lock(mutex);
    ready.wait(lock, [&slots, i] { return slots[i].result.has_value(); });
    Result<CompiledObject> result = std::move(*slots[i].result);
    slots[i].result.reset();
    lock.unlock();
    if (take(units[i], std::move(result), slots[i].elapsed)) continue;
    next = units.size();  // the workers end after what they have begun
    return;
  }
}

}  // namespace policyc::driver
