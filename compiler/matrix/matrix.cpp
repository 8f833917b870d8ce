#include "compiler/matrix/matrix.h"

#include <algorithm>
#include <utility>

#include "compiler/matrix/intervals.h"
#include "compiler/support/check.h"
#include "runtime/abi/policy.h"

namespace policyc::matrix {
namespace {

// Rules of more predicates neither cover nor count as covered, so that a hostile policy of long
// peer lists costs no more than its rules.
constexpr std::size_t kMaxCoverPredicates = 16;

// Takes out of each column what can never decide there.
class ColumnCut {
 public:
  explicit ColumnCut(const std::vector<MatrixRule>& rules) : rules_(rules) {
    std::uint32_t count = 0;
    for (const MatrixRule& rule : rules) {
      for (const std::uint32_t predicate : rule.predicates) count = std::max(count, predicate + 1);
    }
    seen_.assign(count, {});
  }

  void cut(std::vector<std::uint32_t>& column) {
    ++number_;
    std::size_t kept = 0;
    unsigned closed = 0;
    for (const std::uint32_t index : column) {
      const MatrixRule& rule = rules_[index];
      const auto answer = static_cast<unsigned>(rule.answer);
      if ((answer & ~closed) == 0 || (!rule.any_peer && covered(rule))) continue;
      column[kept++] = index;
      if (rule.any_peer) closed |= answer;  // nothing weaker can ever decide
    }
    column.resize(kept);
  }

 private:
  bool covered(const MatrixRule& rule) {
    if (rule.predicates.size() > kMaxCoverPredicates) return false;
    const auto answer = static_cast<unsigned>(rule.answer);
    bool all_seen = true;
    for (const std::uint32_t predicate : rule.predicates) {
      Seen& seen = seen_[predicate];
      if (seen.column != number_) seen = {number_, 0};
      all_seen = all_seen && (answer & ~seen.answers) == 0;
      seen.answers |= answer;
    }
    return all_seen;
  }

  struct Seen {
    std::uint32_t column = 0;  // the last one where a rule asked the predicate
    unsigned answers = 0;      // in which it did
  };

  const std::vector<MatrixRule>& rules_;
  std::vector<Seen> seen_;  // by predicate
  std::uint32_t number_ = 0;
};

// What a cell says that has these two answers.
std::uint32_t join(std::uint32_t audited, std::uint32_t enforced) {
  if (audited == enforced || POLICYC_DECISION_VERDICT(enforced) != POLICY_ALLOW) return enforced;
  const std::uint32_t verdict = POLICYC_DECISION_VERDICT(audited);
  const bool denied = verdict == POLICY_DENY || verdict == POLICY_DEFAULT_DENY;
  return denied ? audited | POLICYC_DECISION_AUDITED : enforced;
}

std::vector<std::uint32_t> order_by_strength(const std::vector<MatrixRule>& rules) {
  std::vector<std::uint64_t> keys(rules.size());
  for (std::uint32_t i = 0; i < rules.size(); ++i)
    keys[i] = strength_key(rules[i].precedence, rules[i].ports, rules[i].any_peer, i);
  std::sort(keys.begin(), keys.end());
  std::vector<std::uint32_t> order(rules.size());
  std::transform(keys.begin(), keys.end(), order.begin(),
                 [](std::uint64_t key) { return static_cast<std::uint32_t>(key); });
  return order;
}

}  // namespace

std::uint64_t strength_key(std::uint8_t precedence, const std::vector<PortRange>& ports,
                           bool any_peer, std::uint32_t index) {
  std::uint32_t width = 0;
  for (const PortRange& range : ports) {
    width =
        std::max(width, range.protocol == kAnyProtocol ? 0x20000U : range.last - range.first + 1U);
  }
  return std::uint64_t{0xffU - precedence} << 56U | std::uint64_t{width} << 33U |
         std::uint64_t{any_peer} << 32U | index;
}

VerdictMatrix::VerdictMatrix(std::vector<MatrixRule> rules, std::uint32_t fallback,
                             PortClasses classes)
    : rules_(std::move(rules)),
      fallback_(fallback),
      order_(order_by_strength(rules_)),
      protocols_(std::move(classes.protocols)),
      columns_(classes.count) {
  std::vector<std::uint8_t> closed(columns_.size());  // the answers that have a rule for every peer
  for (const std::uint32_t index : order_) {
    const auto answer = static_cast<std::uint8_t>(rules_[index].answer);
    for_each_interval(protocols_, rules_[index].ports, [&](const ColumnInterval& interval) {
      auto& column = columns_[interval.column];
      std::uint8_t& done = closed[interval.column];
      if ((answer | done) == done || (!column.empty() && column.back() == index)) return;
      column.push_back(index);
      if (rules_[index].any_peer) done |= answer;
    });
  }
  ColumnCut cut(rules_);
  for (auto& column : columns_) cut.cut(column);
}

VerdictMatrix::VerdictMatrix(std::vector<MatrixRule> rules, std::uint32_t fallback,
                             PortClasses classes, std::vector<std::vector<std::uint32_t>> columns)
    : rules_(std::move(rules)),
      fallback_(fallback),
      order_(order_by_strength(rules_)),
      protocols_(std::move(classes.protocols)),
      columns_(std::move(columns)) {}

VerdictMatrix::VerdictMatrix(std::vector<MatrixRule> rules, std::uint32_t fallback) {
  PortClasses classes = matrix::port_classes(rules);
  *this = VerdictMatrix(std::move(rules), fallback, std::move(classes));
  merge_columns();
}

void VerdictMatrix::merge_columns() {
  SequenceNumbers numbers(columns_.size());
  std::vector<std::uint32_t> renumber(columns_.size());
  for (std::size_t column = 0; column < columns_.size(); ++column)
    renumber[column] = numbers.number(columns_[column]);
  std::vector<std::vector<std::uint32_t>> kept(numbers.size());
  for (std::size_t column = 0; column < columns_.size(); ++column) {
    if (kept[renumber[column]].empty()) kept[renumber[column]] = std::move(columns_[column]);
  }
  columns_ = std::move(kept);
  renumber_intervals(protocols_, renumber);
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
  std::uint32_t audited = fallback_;
  std::uint32_t enforced = fallback_;
  unsigned open = static_cast<unsigned>(Answer::Both);
  for (const std::uint32_t index : columns_[column]) {
    const unsigned answers = static_cast<unsigned>(rules_[index].answer) & open;
    if (answers == 0 || !applies(index, truth)) continue;
    if ((answers & static_cast<unsigned>(Answer::Audited)) != 0) audited = rules_[index].decision;
    if ((answers & static_cast<unsigned>(Answer::Enforced)) != 0) enforced = rules_[index].decision;
    open &= ~answers;
    if (open == 0) break;
  }
  return join(audited, enforced);
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
