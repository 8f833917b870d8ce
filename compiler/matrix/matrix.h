#pragma once
// The verdict matrix of one endpoint and direction: rows are what is known of a peer (the truth of
// each predicate), columns are port classes: sets of (protocol, port) that no rule tells apart. A
// cell is a decision: verdict and rule id (POLICYC_DECISION of runtime/abi/abi.h).
//
// The strongest matching rule decides (spec section 6.5): greatest precedence; ties go to the rule
// whose widest port statement is narrower, then to a rule that names its peer over one for every
// peer, then to the earlier rule. Ties never change the verdict, only which rule is named.

#include <cstdint>
#include <vector>

namespace policyc::matrix {

inline constexpr std::uint8_t kAnyProtocol = 0;

// Ports [first, last] of one protocol, or of every protocol (then the range is 0 to 65535). ICMP
// types count as ports.
struct PortRange {
  std::uint8_t protocol = kAnyProtocol;
  std::uint16_t first = 0;
  std::uint16_t last = 0xffff;
  friend auto operator<=>(const PortRange&, const PortRange&) = default;
};

// Policies in audit mode change nothing and report what they would deny, so each cell has two
// answers: that of all policies, and that of the policies which are enforced.
enum class Answer : std::uint8_t {
  Both = 3,
  Audited = 1,   // a rule that stands in the answer of all policies alone
  Enforced = 2,  // a rule that stands in the answer of the enforced policies alone
};
[[nodiscard]] constexpr bool stands_in(Answer rule, Answer answer) {
  return (static_cast<unsigned>(rule) & static_cast<unsigned>(answer)) ==
         static_cast<unsigned>(answer);
}

struct MatrixRule {
  std::uint32_t decision = 0;   // POLICYC_DECISION
  std::uint8_t precedence = 0;  // larger wins
  bool any_peer = false;
  std::vector<std::uint32_t> predicates;  // it applies when any of these is true
  std::vector<PortRange> ports;
  Answer answer = Answer::Both;
  friend bool operator==(const MatrixRule&, const MatrixRule&) = default;
};

using PredicateTruth = std::vector<bool>;

// Limits for hostile input. `fits` tells, without building it, whether the (port interval, rule)
// pairs of a matrix stay below kMaxCandidates; rules that do not fit must not be built. A matrix
// with more than kMaxColumns cannot be emitted.
inline constexpr std::size_t kMaxCandidates = 16'000'000;
inline constexpr std::size_t kMaxColumns = 32'768;
[[nodiscard]] bool fits(const std::vector<MatrixRule>& rules);

// Ports from `first` up to the next interval belong to `column`.
struct ColumnInterval {
  std::uint16_t first = 0;
  std::uint32_t column = 0;
  friend bool operator==(const ColumnInterval&, const ColumnInterval&) = default;
};

// The columns of one protocol, from port 0 on. Protocols without their own entry use the entry of
// kAnyProtocol.
struct ProtocolColumns {
  std::uint8_t protocol = kAnyProtocol;
  std::vector<ColumnInterval> intervals;
  friend bool operator==(const ProtocolColumns&, const ProtocolColumns&) = default;
};

// Sets of (protocol, port) that no rule tells apart, numbered as met: protocols by number, ports
// from 0. Two intervals are in one class when the same rules match there.
struct PortClasses {
  std::vector<ProtocolColumns> protocols;  // a column is a class here
  std::uint32_t count = 0;
  friend bool operator==(const PortClasses&, const PortClasses&) = default;
};
// The rules must fit, and their ranges must not be reversed.
[[nodiscard]] PortClasses port_classes(const std::vector<MatrixRule>& rules);
// Cheaper and finer: each interval between two ports where a rule begins or ends is a class of its
// own. A matrix over them answers the same; it has more columns.
[[nodiscard]] PortClasses port_intervals(const std::vector<MatrixRule>& rules);

// Made in steps: port_classes(), then a column of deciding rules for each class, then
// merge_columns().
class VerdictMatrix {
 public:
  VerdictMatrix() = default;
  // All steps. `fallback` is the decision when no rule matches. The rules must fit, and their
  // ranges must not be reversed.
  VerdictMatrix(std::vector<MatrixRule> rules, std::uint32_t fallback);
  // One column for each of `classes`, which must be port_classes(rules) or port_intervals(rules).
  VerdictMatrix(std::vector<MatrixRule> rules, std::uint32_t fallback, PortClasses classes);
  // What a text form says: `columns` has the indices of rules for each class; nothing is checked.
  VerdictMatrix(std::vector<MatrixRule> rules, std::uint32_t fallback, PortClasses classes,
                std::vector<std::vector<std::uint32_t>> columns);

  // Joins columns with the same rules, numbered as met.
  void merge_columns();

  [[nodiscard]] const std::vector<ProtocolColumns>& protocols() const { return protocols_; }
  [[nodiscard]] std::size_t column_count() const { return columns_.size(); }
  // Indices of the rules that can decide in a column, strongest first: none after a rule for every
  // peer, and none whose predicates all stand in stronger rules of the column (as far as rules of
  // few predicates show it). Only rules that stand in an answer are stronger ones there.
  [[nodiscard]] const std::vector<std::uint32_t>& column_rules(std::size_t column) const {
    return columns_[column];
  }
  [[nodiscard]] const std::vector<MatrixRule>& rules() const { return rules_; }
  [[nodiscard]] std::uint32_t fallback() const { return fallback_; }
  // Indices of all rules, strongest first.
  [[nodiscard]] const std::vector<std::uint32_t>& strength_order() const { return order_; }

  // Whether a rule names a peer of which these predicates are true.
  [[nodiscard]] bool applies(std::uint32_t rule, const PredicateTruth& truth) const;
  [[nodiscard]] std::uint32_t column_of(std::uint8_t protocol, std::uint16_t port) const;
  // The enforced answer. Where it allows and the answer of all policies denies: that denial, with
  // POLICYC_DECISION_AUDITED.
  [[nodiscard]] std::uint32_t cell(const PredicateTruth& truth, std::size_t column) const;
  // One row: the decision of each column.
  [[nodiscard]] std::vector<std::uint32_t> row(const PredicateTruth& truth) const;
  [[nodiscard]] std::uint32_t decide(const PredicateTruth& truth, std::uint8_t protocol,
                                     std::uint16_t port) const;
  // Rules that decide no cell whatever the peers are: they stand in no column.
  [[nodiscard]] std::vector<std::uint32_t> dead_rules() const;
  friend bool operator==(const VerdictMatrix&, const VerdictMatrix&) = default;

 private:
  std::vector<MatrixRule> rules_;
  std::uint32_t fallback_ = 0;
  std::vector<std::uint32_t> order_;
  std::vector<ProtocolColumns> protocols_;
  std::vector<std::vector<std::uint32_t>> columns_;
};

// A number that is smaller for a stronger rule: precedence, the width of its widest port statement
// ("every protocol" is wider than any range of one), whether it names its peer, its index.
[[nodiscard]] std::uint64_t strength_key(std::uint8_t precedence,
                                         const std::vector<PortRange>& ports, bool any_peer,
                                         std::uint32_t index);

}  // namespace policyc::matrix
