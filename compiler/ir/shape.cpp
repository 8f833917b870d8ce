#include "compiler/ir/shape.h"

#include <algorithm>
#include <bit>

#include "compiler/ir/form.h"
#include "compiler/support/check.h"
#include "compiler/support/sha256.h"
#include "runtime/abi/abi.h"

namespace policyc::ir {
namespace {

constexpr std::size_t kBitsPerWord = 64;

// Zeroed memory is default deny, and number 0 is what sorts first.
static_assert(POLICYC_DECISION(POLICY_DEFAULT_DENY, 0) == 0);

// Every decision that a table's cells can name, each once, by number.
std::vector<std::uint32_t> decisions_of(const matrix::VerdictMatrix& matrix) {
  std::vector<std::uint32_t> decisions{POLICY_DEFAULT_DENY};
  for (std::size_t column = 0; column < matrix.column_count(); ++column) {
    for (const std::uint32_t index : matrix.column_rules(column)) {
      const matrix::MatrixRule& rule = matrix.rules()[index];
      if (!rule.any_peer && rule.predicates.empty()) continue;
      if (rule.answer != matrix::Answer::Audited) {
        decisions.push_back(rule.decision);
      } else if (POLICYC_DECISION_VERDICT(rule.decision) == POLICY_DENY) {
        decisions.push_back(rule.decision | POLICYC_DECISION_AUDITED);
      }
      if (rule.answer != matrix::Answer::Both)
        decisions.push_back(POLICY_DEFAULT_DENY | POLICYC_DECISION_AUDITED);
    }
  }
  decisions.push_back(matrix.fallback());
  std::sort(decisions.begin(), decisions.end());
  decisions.erase(std::unique(decisions.begin(), decisions.end()), decisions.end());
  return decisions;
}

// By strength, so that the lowest bit of a set decides.
std::vector<std::uint32_t> decisions_by_strength(const matrix::VerdictMatrix& matrix) {
  std::vector<std::uint32_t> decisions{POLICY_DEFAULT_DENY};
  for (const std::uint32_t index : matrix.strength_order())
    decisions.push_back(matrix.rules()[index].decision);
  return decisions;
}

DirectionShape make_direction(const DirectionPolicy& policy) {
  DirectionShape shape;
  shape.enforced = policy.enforced;
  shape.default_deny = policy.default_deny;
  shape.default_deny_origins = policy.default_deny_origins;
  shape.rules = policy.rules;
  shape.predicates = asked_predicates(policy);
  shape.matrix = policy.matrix ? *policy.matrix : verdict_matrix(policy, shape.predicates);
  shape.form = policy.form ? *policy.form : choose_form(policy.rules, shape.matrix);
  if (shape.form == Form::Table) shape.decisions = decisions_of(shape.matrix);
  if (shape.form == Form::Bitset) shape.decisions = decisions_by_strength(shape.matrix);
  return shape;
}

std::string hash_of(const Shape& shape) {
  Sha256 hash;
  std::array<std::uint8_t, 4> version{};
  for (std::size_t i = 0; i < version.size(); ++i)
    version[i] = static_cast<std::uint8_t>(shape.abi_version >> (8 * i));
  hash.update(version);
  hash.update(shape.documents.predicates);
  hash.update(shape.documents.rules);
  return hash.hex();
}

}  // namespace

bool DirectionShape::emittable() const {
  constexpr std::size_t kMaxDecisions = 0x10000;  // a cell has at most two bytes
  return matrix.column_count() <= matrix::kMaxColumns && decisions.size() <= kMaxDecisions;
}

std::size_t DirectionShape::padded_columns() const {
  if (form == Form::Bitset) return (rules.size() + kBitsPerWord - 1) / kBitsPerWord;
  return std::bit_ceil(std::max<std::size_t>(1, matrix.column_count()));
}

std::size_t DirectionShape::cell_bytes() const {
  if (form == Form::Bitset) return sizeof(std::uint64_t);
  return decisions.size() <= 256 ? 1 : 2;
}

std::size_t DirectionShape::row_bytes() const { return padded_columns() * cell_bytes(); }

Shape make_shape(const EndpointPolicy& policy) {
  Shape shape;
  shape.abi_version = POLICYC_ABI_VERSION;
  shape.subject = policy.subject;
  shape.predicates = policy.predicates;
  for (std::size_t direction = 0; direction < 2; ++direction) {
    shape.directions[direction] = make_direction(policy.directions[direction]);
  }
  shape.documents = write_documents(shape);
  shape.hash = hash_of(shape);
  return shape;
}

std::uint32_t Shape::tag() const {
  POLICYC_CHECK(hash.size() >= 8);
  const auto value = static_cast<std::uint32_t>(std::stoul(hash.substr(0, 8), nullptr, 16));
  return value == 0 ? 1 : value;
}

const Rule* Shape::find_rule(std::size_t direction, std::uint32_t rule_id) const {
  for (const Rule& rule : directions[direction].rules) {
    if (rule.id == rule_id) return &rule;
  }
  return nullptr;
}

matrix::PredicateTruth Shape::truth(std::size_t direction, const policy::LabelSet& peer) const {
  matrix::PredicateTruth result;
  for (const std::uint32_t predicate : directions[direction].predicates) {
    result.push_back(predicates[predicate].matches(peer));
  }
  return result;
}

std::uint16_t Shape::bit_row(std::size_t direction, const matrix::PredicateTruth& bits) const {
  POLICYC_CHECK(directions[direction].form == Form::Compares);
  unsigned row = 1;
  for (std::size_t i = 0; i < bits.size(); ++i) row |= (bits[i] ? 2U : 0U) << i;
  return static_cast<std::uint16_t>(row);
}

std::vector<std::uint8_t> Shape::row(std::size_t direction,
                                     const matrix::PredicateTruth& truth_of_peer) const {
  const DirectionShape& part = directions[direction];
  std::vector<std::uint8_t> bytes(part.row_bytes(), 0);
  if (part.form == Form::Bitset) {
    std::size_t bit = 0;
    for (const std::uint32_t index : part.matrix.strength_order()) {
      if (part.matrix.applies(index, truth_of_peer))
        bytes[bit / 8] = static_cast<std::uint8_t>(bytes[bit / 8] | (1U << (bit % 8)));
      ++bit;
    }
    return bytes;
  }
  POLICYC_CHECK(part.form == Form::Table);
  const std::size_t width = part.cell_bytes();
  for (std::size_t column = 0; column < part.matrix.column_count(); ++column) {
    const std::uint32_t decision = part.matrix.cell(truth_of_peer, column);
    const auto found = std::lower_bound(part.decisions.begin(), part.decisions.end(), decision);
    const auto number = static_cast<std::size_t>(found - part.decisions.begin());
    bytes[column * width] = static_cast<std::uint8_t>(number & 0xffU);
    if (width == 2) bytes[column * width + 1] = static_cast<std::uint8_t>(number >> 8U);
  }
  return bytes;
}

std::uint32_t Shape::decide(std::size_t direction, const policy::LabelSet& peer,
                            std::uint8_t protocol, std::uint16_t port) const {
  return directions[direction].matrix.decide(truth(direction, peer), protocol, port);
}

}  // namespace policyc::ir
