#pragma once
// Reads the rings of events that the programs write, one for each CPU (runtime/abi/abi.h,
// "event_slots"). The memory is mapped: reading disturbs no writer and no other reader.

#include <cstdint>
#include <span>
#include <vector>

#include "compiler/support/result.h"
#include "runtime/abi/abi.h"

namespace policyc::events {

// Where a reader begins.
enum class From : std::uint8_t {
  Now,     // with what is written from here on
  Oldest,  // with what the rings still hold
};

// An event and its place, which no other event of these maps has.
struct Record : event {
  std::uint32_t cpu = 0;
  std::uint64_t number = 0;  // of the CPU's events, from 0
};

struct Batch {
  std::vector<Record> events;  // by time
  std::uint64_t lost = 0;      // overwritten before they were read
};

class Ring {
 public:
  // Of the descriptors of "event_heads" and "event_slots"; they may be closed afterwards. An Error
  // when they are not those maps or cannot be mapped.
  [[nodiscard]] static Result<Ring> open(int heads, int slots, From from);

  // What was written since the last call, at most `most` events of each CPU. Never waits.
  [[nodiscard]] Batch read(std::size_t most = EVENT_SLOTS);

  // Events that the rate limit suppressed since the maps were made.
  [[nodiscard]] std::uint64_t limited() const;

  Ring(Ring&& other) noexcept;
  Ring& operator=(Ring&& other) noexcept;
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;
  ~Ring();

 private:
  Ring() = default;
  [[nodiscard]] std::uint64_t written(std::size_t cpu) const;
  void read_cpu(std::size_t cpu, std::size_t most, Batch& batch);

  std::span<const event_head> heads_;  // by CPU
  std::span<const event> slots_;       // EVENT_SLOTS for each CPU
  std::vector<std::uint64_t> next_;    // number of the event that is read next, by CPU
};

}  // namespace policyc::events
