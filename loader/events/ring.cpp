#include "loader/events/ring.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <utility>

#include <bpf/bpf.h>
#include <sys/mman.h>
#include <unistd.h>

namespace policyc::events {
namespace {

std::size_t page_rounded(std::size_t bytes) {
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  return (bytes + page - 1) / page * page;
}

// The elements of an mmapable array whose values have the size of T.
template <class T>
Result<std::span<const T>> map_array(int fd, const char* name) {
  bpf_map_info info{};
  std::uint32_t size = sizeof info;
  if (bpf_obj_get_info_by_fd(fd, &info, &size) != 0)
    return fail(std::string(name) + ": " + std::strerror(errno));
  if (info.type != BPF_MAP_TYPE_ARRAY || info.value_size != sizeof(T) ||
      (info.map_flags & BPF_F_MMAPABLE) == 0)
    return fail(std::string(name) + " is not a map of this version");
  void* memory =
      mmap(nullptr, page_rounded(sizeof(T) * info.max_entries), PROT_READ, MAP_SHARED, fd, 0);
  if (memory == MAP_FAILED) return fail(std::string(name) + ": mmap: " + std::strerror(errno));
  return std::span(static_cast<const T*>(memory), info.max_entries);
}

template <class T>
void unmap(std::span<const T>& array) {
  if (array.empty()) return;
  munmap(const_cast<T*>(array.data()), page_rounded(array.size_bytes()));
  array = {};
}

}  // namespace

Ring::Ring(Ring&& other) noexcept
    : heads_(std::exchange(other.heads_, {})),
      slots_(std::exchange(other.slots_, {})),
      next_(std::move(other.next_)) {}

Ring& Ring::operator=(Ring&& other) noexcept {
  std::swap(heads_, other.heads_);
  std::swap(slots_, other.slots_);
  std::swap(next_, other.next_);
  return *this;
}

Ring::~Ring() {
  unmap(heads_);
  unmap(slots_);
}

Result<Ring> Ring::open(int heads, int slots, From from) {
  Ring ring;
  const auto mapped_heads = map_array<event_head>(heads, "event_heads");
  if (!mapped_heads) return std::unexpected(mapped_heads.error());
  ring.heads_ = *mapped_heads;
  const auto mapped_slots = map_array<event>(slots, "event_slots");
  if (!mapped_slots) return std::unexpected(mapped_slots.error());
  ring.slots_ = *mapped_slots;
  if (ring.slots_.size() != ring.heads_.size() * EVENT_SLOTS)
    return fail("event_slots and event_heads are not of one size");
  for (std::size_t cpu = 0; cpu < ring.heads_.size(); ++cpu) {
    const std::uint64_t written = ring.written(cpu);
    // The oldest slot may be being overwritten.
    const std::uint64_t oldest = written < EVENT_SLOTS ? 0 : written - EVENT_SLOTS + 1;
    ring.next_.push_back(from == From::Now ? written : oldest);
  }
  return ring;
}

std::uint64_t Ring::written(std::size_t cpu) const {
  return std::atomic_ref(const_cast<policyc_u64&>(heads_[cpu].written))
      .load(std::memory_order_acquire);
}

std::uint64_t Ring::limited() const {
  std::uint64_t total = 0;
  for (const event_head& head : heads_)
    total +=
        std::atomic_ref(const_cast<policyc_u64&>(head.limited)).load(std::memory_order_relaxed);
  return total;
}

void Ring::read_cpu(std::size_t cpu, std::size_t most, Batch& batch) {
  std::uint64_t& next = next_[cpu];
  const std::uint64_t end = written(cpu);
  if (next + EVENT_SLOTS <= end) {
    batch.lost += end - EVENT_SLOTS + 1 - next;
    next = end - EVENT_SLOTS + 1;
  }
  for (std::size_t count = 0; next < end && count < most; ++count, ++next) {
    Record copy{{}, static_cast<std::uint32_t>(cpu), next};
    std::memcpy(static_cast<event*>(&copy), &slots_[cpu * EVENT_SLOTS + next % EVENT_SLOTS],
                sizeof(event));
    std::atomic_thread_fence(std::memory_order_acquire);
    if (next + EVENT_SLOTS > written(cpu)) {
      batch.events.push_back(copy);
    } else {
      ++batch.lost;  // overtaken while it was copied
    }
  }
}

Batch Ring::read(std::size_t most) {
  Batch batch;
  for (std::size_t cpu = 0; cpu < heads_.size(); ++cpu) read_cpu(cpu, most, batch);
  // Each CPU's are in order already.
  std::ranges::stable_sort(batch.events, {}, &Record::time_ns);
  return batch;
}

}  // namespace policyc::events
