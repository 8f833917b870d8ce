#include "compiler/matrix/matrix.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <set>
#include <tuple>
#include <utility>

#include "compiler/support/check.h"

namespace policyc::matrix {
namespace {

bool applies_to(const PortRange& range, std::uint8_t protocol) {
  return range.protocol == kAnyProtocol || range.protocol == protocol;
}

// Ports at which the set of matching statements may change, for one protocol; always starts with 0.
std::set<std::uint32_t> breakpoints(const std::vector<MatrixRule>& rules, std::uint8_t protocol) {
  std::set<std::uint32_t> points{0};
  for (const MatrixRule& rule : rules) {
    for (const PortRange& range : rule.ports) {
      if (!applies_to(range, protocol)) continue;
      points.insert(range.first);
      if (range.last < 0xffff) points.insert(range.last + 1U);
    }
  }
  return points;
}

// The widest port statement of a rule; "every protocol" is wider than any range of one.
std::uint32_t width_of(const MatrixRule& rule) {
  std::uint32_t width = 0;
  for (const PortRange& range : rule.ports) {
    width =
        std::max(width, range.protocol == kAnyProtocol ? 0x20000U : range.last - range.first + 1U);
  }
  return width;
}

std::set<std::uint8_t> protocols_of(const std::vector<MatrixRule>& rules) {
  std::set<std::uint8_t> numbers{kAnyProtocol};
  for (const MatrixRule& rule : rules) {
    for (const PortRange& range : rule.ports) {
      POLICYC_CHECK(range.first <= range.last);
      numbers.insert(range.protocol);
    }
  }
  return numbers;
}

std::vector<std::uint32_t> order_by_strength(const std::vector<MatrixRule>& rules) {
  std::vector<std::uint32_t> order(rules.size());
  std::iota(order.begin(), order.end(), 0U);
  std::stable_sort(order.begin(), order.end(), [&rules](std::uint32_t a, std::uint32_t b) {
    return std::tuple(-int{rules[a].precedence}, width_of(rules[a]), rules[a].any_peer) <
           std::tuple(-int{rules[b].precedence}, width_of(rules[b]), rules[b].any_peer);
  });
  return order;
}

// For every breakpoint the rules that match there, strongest first. One sweep over starts and ends:
// the cost follows the number of statements and matches, not rules times ports.
std::vector<std::vector<std::uint32_t>> matching_rules(const std::vector<MatrixRule>& rules,
                                                       const std::vector<std::uint32_t>& order,
                                                       std::uint8_t protocol,
                                                       const std::set<std::uint32_t>& points) {
  std::map<std::uint32_t, std::vector<std::uint32_t>> starts;  // port -> ranks
  std::map<std::uint32_t, std::vector<std::uint32_t>> ends;
  for (std::uint32_t rank = 0; rank < order.size(); ++rank) {
    for (const PortRange& range : rules[order[rank]].ports) {
      if (!applies_to(range, protocol)) continue;
      starts[range.first].push_back(rank);
      ends[range.last + 1U].push_back(rank);
    }
  }
  std::multiset<std::uint32_t> active;
  std::vector<std::vector<std::uint32_t>> result;
  for (const std::uint32_t point : points) {
    if (const auto found = ends.find(point); found != ends.end()) {
      for (const std::uint32_t rank : found->second) active.erase(active.find(rank));
    }
    if (const auto found = starts.find(point); found != starts.end())
      active.insert(found->second.begin(), found->second.end());
    std::vector<std::uint32_t> column;
    for (const std::uint32_t rank : active) {
      const std::uint32_t rule = order[rank];
      if (!column.empty() && column.back() == rule) continue;
      column.push_back(rule);
      if (rules[rule].any_peer) break;  // nothing weaker can ever decide
    }
    result.push_back(std::move(column));
  }
  return result;
}

}  // namespace

bool fits(const std::vector<MatrixRule>& rules) {
  std::size_t candidates = 0;
  for (const std::uint8_t protocol : protocols_of(rules)) {
    std::map<std::uint32_t, std::int64_t> changes{
        {0, 0}};  // port -> statements that begin less those that ended
    for (const MatrixRule& rule : rules) {
      for (const PortRange& range : rule.ports) {
        if (!applies_to(range, protocol)) continue;
        ++changes[range.first];
        if (range.last < 0xffff) --changes[range.last + 1U];
      }
    }
    std::int64_t active = 0;
    for (const auto& [port, change] : changes) {
      active += change;
      candidates += static_cast<std::size_t>(active);
      if (candidates > kMaxCandidates) return false;
    }
  }
  return true;
}

VerdictMatrix::VerdictMatrix(std::vector<MatrixRule> rules, std::uint32_t fallback)
    : rules_(std::move(rules)), fallback_(fallback), order_(order_by_strength(rules_)) {
  std::map<std::vector<std::uint32_t>, std::uint32_t> column_numbers;
  const auto column_number = [&](std::vector<std::uint32_t>&& column) {
    const auto [found, inserted] =
        column_numbers.try_emplace(std::move(column), static_cast<std::uint32_t>(columns_.size()));
    if (inserted) columns_.push_back(found->first);
    return found->second;
  };
  for (const std::uint8_t protocol : protocols_of(rules_)) {
    const auto points = breakpoints(rules_, protocol);
    auto matches = matching_rules(rules_, order_, protocol, points);
    ProtocolColumns entry{protocol, {}};
    std::size_t next = 0;
    for (const std::uint32_t point : points) {
      const std::uint32_t column = column_number(std::move(matches[next++]));
      if (entry.intervals.empty() || entry.intervals.back().column != column) {
        entry.intervals.push_back({static_cast<std::uint16_t>(point), column});
      }
    }
    protocols_.push_back(std::move(entry));
  }
}

std::uint32_t VerdictMatrix::column_of(std::uint8_t protocol, std::uint16_t port) const {
  POLICYC_CHECK(!protocols_.empty());
  const ProtocolColumns* entry = &protocols_.front();  // kAnyProtocol sorts first
  for (const ProtocolColumns& candidate : protocols_) {
    if (candidate.protocol == protocol) entry = &candidate;
  }
  auto next = std::upper_bound(
      entry->intervals.begin(), entry->intervals.end(), port,
      [](std::uint16_t value, const ColumnInterval& interval) { return value < interval.first; });
  return std::prev(next)->column;
}

bool VerdictMatrix::applies(std::uint32_t index, const PredicateTruth& truth) const {
  const MatrixRule& rule = rules_[index];
  return rule.any_peer ||
         std::any_of(rule.predicates.begin(), rule.predicates.end(),
                     [&truth](std::uint32_t p) { return p < truth.size() && truth[p]; });
}

std::uint32_t VerdictMatrix::cell(const PredicateTruth& truth, std::size_t column) const {
  for (const std::uint32_t index : columns_[column]) {
    if (applies(index, truth)) return rules_[index].decision;
  }
  return fallback_;
}

std::vector<std::uint32_t> VerdictMatrix::row(const PredicateTruth& truth) const {
  std::vector<std::uint32_t> cells(columns_.size());
  for (std::size_t column = 0; column < columns_.size(); ++column)
    cells[column] = cell(truth, column);
  return cells;
}

std::uint32_t VerdictMatrix::decide(const PredicateTruth& truth, std::uint8_t protocol,
                                    std::uint16_t port) const {
  return cell(truth, column_of(protocol, port));
}

std::vector<std::uint32_t> VerdictMatrix::dead_rules() const {
  std::vector<bool> alive(rules_.size(), false);
  for (const auto& column : columns_) {
    for (const std::uint32_t index : column) alive[index] = true;
  }
  std::vector<std::uint32_t> dead;
  for (std::uint32_t index = 0; index < rules_.size(); ++index) {
    if (!alive[index]) dead.push_back(index);
  }
  return dead;
}

}  // namespace policyc::matrix
