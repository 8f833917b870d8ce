#include "compiler/ir/shape.h"

#include <algorithm>
#include <bit>

#include "compiler/ir/form.h"
#include "compiler/support/check.h"
#include "compiler/support/sha256.h"
#include "runtime/abi/abi.h"

namespace policyc::ir {
namespace {

DirectionShape make_direction(const DirectionPolicy& policy) {
  DirectionShape shape;
  shape.enforced = policy.enforced;
  shape.default_deny = policy.default_deny;
  shape.default_deny_origins = policy.default_deny_origins;
  shape.rules = policy.rules;
  shape.predicates = asked_predicates(policy);
  shape.matrix = policy.matrix ? *policy.matrix : verdict_matrix(policy, shape.predicates);
  shape.form = policy.form ? *policy.form : choose_form(policy.rules, shape.matrix);
  return shape;
}

}  // namespace

std::size_t DirectionShape::padded_columns() const {
  return std::bit_ceil(std::max<std::size_t>(1, matrix.column_count()));
}

Shape make_shape(const EndpointPolicy& policy) {
  Shape shape;
  shape.abi_version = POLICYC_ABI_VERSION;
  shape.subject = policy.subject;
  shape.predicates = policy.predicates;
  for (std::size_t direction = 0; direction < 2; ++direction) {
    shape.directions[direction] = make_direction(policy.directions[direction]);
  }
  shape.hash = sha256_hex(to_json(shape));
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

std::uint16_t Shape::bit_row(std::size_t direction, const policy::LabelSet& peer) const {
  unsigned row = 1;
  const auto bits = truth(direction, peer);
  for (std::size_t i = 0; i < bits.size(); ++i) row |= (bits[i] ? 2U : 0U) << i;
  return static_cast<std::uint16_t>(row);
}

std::vector<std::uint32_t> Shape::cells(std::size_t direction,
                                        const matrix::PredicateTruth& truth_of_peer) const {
  auto row = directions[direction].matrix.row(truth_of_peer);
  row.resize(directions[direction].padded_columns(), POLICY_DEFAULT_DENY);
  return row;
}

std::uint32_t Shape::decide(std::size_t direction, const policy::LabelSet& peer,
                            std::uint8_t protocol, std::uint16_t port) const {
  return directions[direction].matrix.decide(truth(direction, peer), protocol, port);
}

}  // namespace policyc::ir
