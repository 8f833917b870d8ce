#pragma once
// The port space cut where some rule begins or ends, and sequences numbered by content. Shared by
// the steps that make a matrix.

#include <algorithm>
#include <bit>
#include <cstdint>
#include <span>
#include <vector>

#include "compiler/matrix/matrix.h"

namespace policyc::matrix {

[[nodiscard]] inline bool applies_to(const PortRange& range, std::uint8_t protocol) {
  return range.protocol == kAnyProtocol || range.protocol == protocol;
}

// Sorted protocols that rules name, kAnyProtocol always among them.
[[nodiscard]] std::vector<std::uint8_t> protocols_of(const std::vector<MatrixRule>& rules);

// Every interval of every protocol on whose ports no rule begins or ends; `column` numbers them
// through all protocols. There is an interval from port 0 for each protocol.
[[nodiscard]] std::vector<ProtocolColumns> cut_ports(const std::vector<MatrixRule>& rules);

// Calls visit(interval) for each interval that `ports` touch; one interval may come twice.
template <class Visit>
void for_each_interval(const std::vector<ProtocolColumns>& protocols,
                       const std::vector<PortRange>& ports, Visit&& visit) {
  for (const PortRange& range : ports) {
    for (const ProtocolColumns& protocol : protocols) {
      if (!applies_to(range, protocol.protocol)) continue;
      auto at = std::upper_bound(
          protocol.intervals.begin(), protocol.intervals.end(), range.first,
          [](std::uint16_t port, const ColumnInterval& interval) { return port < interval.first; });
      for (--at; at != protocol.intervals.end() && at->first <= range.last; ++at) visit(*at);
    }
  }
}

// Numbers at most `most` sequences from 0 on, equal ones alike. The sequences must outlive it.
class SequenceNumbers {
 public:
  explicit SequenceNumbers(std::size_t most) : slots_(std::bit_ceil(2 * most + 1), 0) {
    known_.reserve(most);
  }

  std::uint32_t number(std::span<const std::uint32_t> sequence) {
    const std::uint64_t wanted = hash(sequence);
    for (std::size_t at = wanted;; ++at) {
      std::uint32_t& slot = slots_[at & (slots_.size() - 1)];
      if (slot == 0) {
        known_.push_back({wanted, sequence});
        slot = size();
        return slot - 1;
      }
      const Known& known = known_[slot - 1];
      if (known.hash == wanted && std::ranges::equal(known.sequence, sequence)) return slot - 1;
    }
  }
  [[nodiscard]] std::uint32_t size() const { return static_cast<std::uint32_t>(known_.size()); }

 private:
  struct Known {
    std::uint64_t hash;
    std::span<const std::uint32_t> sequence;
  };

  static std::uint64_t hash(std::span<const std::uint32_t> sequence) {
    std::uint64_t state = sequence.size();
    for (const std::uint32_t value : sequence) {
      state = (state ^ value) * 0x9e3779b97f4a7c15U;
      state ^= state >> 29U;
    }
    return state;
  }

  std::vector<std::uint32_t> slots_;  // a number + 1, or 0; more than half are free
  std::vector<Known> known_;
};

// Gives each interval the number that `renumber` has for its own, and joins neighbours that became
// equal.
void renumber_intervals(std::vector<ProtocolColumns>& protocols,
                        const std::vector<std::uint32_t>& renumber);

}  // namespace policyc::matrix
