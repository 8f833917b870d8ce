#pragma once
// Writes events into the rings as the programs do, through the same two maps.

#include <atomic>
#include <cstring>
#include <stdexcept>

#include <sys/mman.h>

#include "runtime/abi/abi.h"

namespace policyc::testing {

class RingWriter {
 public:
  // Of the descriptors of "event_heads" and "event_slots", for `cpus` CPUs; they may be closed.
  RingWriter(int heads, int slots, std::size_t cpus)
      : heads_bytes_(sizeof(event_head) * cpus),
        slots_bytes_(sizeof(event) * EVENT_SLOTS * cpus),
        heads_(static_cast<event_head*>(map(heads, heads_bytes_))),
        slots_(static_cast<event*>(map(slots, slots_bytes_))) {}
  ~RingWriter() {
    munmap(heads_, heads_bytes_);
    munmap(slots_, slots_bytes_);
  }
  RingWriter(const RingWriter&) = delete;
  RingWriter& operator=(const RingWriter&) = delete;

  // One thread for each CPU, as one CPU's programs do not interrupt each other.
  void write(std::size_t cpu, const event& value) {
    std::atomic_ref<policyc_u64> written(heads_[cpu].written);
    const policyc_u64 number = written.load(std::memory_order_relaxed);
    event& slot = slots_[cpu * EVENT_SLOTS + number % EVENT_SLOTS];
    // The store of one word after the other, as the program's are.
    policyc_u64 words[sizeof(event) / 8];
    std::memcpy(words, &value, sizeof value);
    auto* to = reinterpret_cast<volatile policyc_u64*>(&slot);
    for (std::size_t i = 0; i < std::size(words); ++i) to[i] = words[i];
    written.fetch_add(1, std::memory_order_seq_cst);
  }

  // As when the rate limit keeps one from being written.
  void limit(std::size_t cpu) {
    std::atomic_ref<policyc_u64>(heads_[cpu].limited).fetch_add(1, std::memory_order_relaxed);
  }

 private:
  static void* map(int fd, std::size_t bytes) {
    const std::size_t page = 4096;
    void* memory =
        mmap(nullptr, (bytes + page - 1) / page * page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED) throw std::runtime_error("mmap: " + std::string(strerror(errno)));
    return memory;
  }

  std::size_t heads_bytes_;
  std::size_t slots_bytes_;
  event_head* heads_;
  event* slots_;
};

}  // namespace policyc::testing
