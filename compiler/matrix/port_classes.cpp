#include <algorithm>
#include <array>
#include <bit>

#include "compiler/matrix/intervals.h"
#include "compiler/support/check.h"

namespace policyc::matrix {

std::vector<std::uint8_t> protocols_of(const std::vector<MatrixRule>& rules) {
  std::array<bool, 256> named{};
  named[kAnyProtocol] = true;
  for (const MatrixRule& rule : rules) {
    for (const PortRange& range : rule.ports) {
      POLICYC_CHECK(range.first <= range.last);
      named[range.protocol] = true;
    }
  }
  std::vector<std::uint8_t> numbers;
  for (std::size_t number = 0; number < named.size(); ++number) {
    if (named[number]) numbers.push_back(static_cast<std::uint8_t>(number));
  }
  return numbers;
}

std::vector<ProtocolColumns> cut_ports(const std::vector<MatrixRule>& rules) {
  constexpr std::size_t kBits = 64;
  std::vector<ProtocolColumns> result;
  std::uint32_t next = 0;
  std::vector<std::uint64_t>
      marks;  // a bit for each port where an interval begins, in order at once
  const auto mark = [&marks](std::uint32_t port) { marks[port / kBits] |= 1ULL << port % kBits; };
  for (const std::uint8_t protocol : protocols_of(rules)) {
    marks.assign(0x10000 / kBits, 0);
    mark(0);
    for (const MatrixRule& rule : rules) {
      for (const PortRange& range : rule.ports) {
        if (!applies_to(range, protocol)) continue;
        mark(range.first);
        if (range.last < 0xffff) mark(range.last + 1U);
      }
    }
    ProtocolColumns entry{protocol, {}};
    for (std::size_t word = 0; word < marks.size(); ++word) {
      for (std::uint64_t rest = marks[word]; rest != 0; rest &= rest - 1) {
        const auto port = word * kBits + static_cast<std::size_t>(std::countr_zero(rest));
        entry.intervals.push_back({static_cast<std::uint16_t>(port), next++});
      }
    }
    result.push_back(std::move(entry));
  }
  return result;
}

void renumber_intervals(std::vector<ProtocolColumns>& protocols,
                        const std::vector<std::uint32_t>& renumber) {
  for (ProtocolColumns& protocol : protocols) {
    for (ColumnInterval& interval : protocol.intervals) interval.column = renumber[interval.column];
    const auto same = [](const ColumnInterval& a, const ColumnInterval& b) {
      return a.column == b.column;
    };
    protocol.intervals.erase(
        std::unique(protocol.intervals.begin(), protocol.intervals.end(), same),
        protocol.intervals.end());
  }
}

PortClasses port_intervals(const std::vector<MatrixRule>& rules) {
  PortClasses result;
  result.protocols = cut_ports(rules);
  result.count = result.protocols.back().intervals.back().column + 1;
  return result;
}

PortClasses port_classes(const std::vector<MatrixRule>& rules) {
  PortClasses result = port_intervals(rules);
  const std::size_t intervals = result.count;
  // The rules of every interval, one after the other in one block.
  std::vector<std::uint32_t> begin(intervals + 1, 0);
  for (const MatrixRule& rule : rules) {
    for_each_interval(result.protocols, rule.ports,
                      [&begin](const ColumnInterval& interval) { ++begin[interval.column + 1]; });
  }
  for (std::size_t i = 0; i < intervals; ++i) begin[i + 1] += begin[i];
  std::vector<std::uint32_t> end(begin.begin(), begin.end() - 1);
  std::vector<std::uint32_t> pool(begin.back());
  for (std::uint32_t index = 0; index < rules.size(); ++index) {
    for_each_interval(result.protocols, rules[index].ports, [&](const ColumnInterval& interval) {
      const std::uint32_t at = end[interval.column];
      if (at != begin[interval.column] && pool[at - 1] == index) return;
      pool[at] = index;
      ++end[interval.column];
    });
  }
  SequenceNumbers classes(intervals);
  std::vector<std::uint32_t> class_of(intervals);
  for (std::size_t i = 0; i < intervals; ++i)
    class_of[i] = classes.number(std::span(pool).subspan(begin[i], end[i] - begin[i]));
  renumber_intervals(result.protocols, class_of);
  result.count = classes.size();
  return result;
}

bool fits(const std::vector<MatrixRule>& rules) {
  const auto protocols = protocols_of(rules);
  std::size_t candidates = 0;
  std::vector<std::pair<std::uint32_t, std::int32_t>>
      changes;  // port, statements that begin or end
  for (const std::uint8_t protocol : protocols) {
    changes.assign(1, {0, 0});
    for (const MatrixRule& rule : rules) {
      for (const PortRange& range : rule.ports) {
        if (!applies_to(range, protocol)) continue;
        changes.emplace_back(range.first, 1);
        if (range.last < 0xffff) changes.emplace_back(range.last + 1U, -1);
      }
    }
    std::sort(changes.begin(), changes.end());
    std::int64_t active = 0;
    for (std::size_t i = 0; i < changes.size(); ++i) {
      active += changes[i].second;
      if (i + 1 < changes.size() && changes[i + 1].first == changes[i].first) continue;
      candidates += static_cast<std::size_t>(active);
      if (candidates > kMaxCandidates) return false;
    }
  }
  return true;
}

}  // namespace policyc::matrix
