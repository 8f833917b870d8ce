#pragma once
// A shape: everything about an endpoint's policy that does not depend on who exists in the cluster.
// Endpoints with equal shapes share one object and one loaded program. The object carries its shape
// as JSON in section kMetaSection; the loader reads it to bind predicates to peer classes and to
// name rules in events.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/ir/direction_matrix.h"
#include "compiler/ir/ir.h"
#include "compiler/matrix/matrix.h"
#include "compiler/policy/labels.h"
#include "compiler/policy/predicate.h"
#include "compiler/support/result.h"

namespace policyc::ir {

inline constexpr std::string_view kMetaSection = ".policyc.meta";

struct DirectionShape {
  Form form = Form::Constant;
  bool enforced = false;
  bool default_deny = false;
  std::vector<std::uint32_t>
      predicates;           // indices into Shape::predicates that this direction asks, in bit order
  std::vector<Rule> rules;  // their PredicateIds index Shape::predicates
  std::vector<Origin> default_deny_origins;  // the policies that put the endpoint into default deny
  matrix::VerdictMatrix matrix;              // over `predicates` by position

  [[nodiscard]] bool uses_rows() const { return form != Form::Constant; }
  [[nodiscard]] bool uses_matrix() const { return form == Form::Table; }
  // Cells in one element of the matrix map: the column count rounded up to a power of two.
  [[nodiscard]] std::size_t padded_columns() const;
};

struct Shape {
  std::uint32_t abi_version = 0;
  std::string subject;  // for people: the selector or the endpoint class
  std::vector<policy::Predicate> predicates;
  std::array<DirectionShape, 2> directions;  // [policyc_direction]: 0 ingress, 1 egress
  std::string hash;                          // SHA-256 of the canonical JSON without this field

  [[nodiscard]] std::uint32_t tag() const;  // first four bytes of the hash as a number; never 0
  [[nodiscard]] const Rule* find_rule(std::size_t direction, std::uint32_t rule_id) const;
  // Truth of the predicates that a direction asks, in its order.
  [[nodiscard]] matrix::PredicateTruth truth(std::size_t direction,
                                             const policy::LabelSet& peer) const;
  // The row value of Form::Compares.
  [[nodiscard]] std::uint16_t bit_row(std::size_t direction, const policy::LabelSet& peer) const;
  // The cells of Form::Table for a peer, padded_columns() long; padding is default deny.
  [[nodiscard]] std::vector<std::uint32_t> cells(std::size_t direction,
                                                 const matrix::PredicateTruth& truth) const;
  // The decision in user space: what the compiled program must return (POLICYC_DECISION).
  [[nodiscard]] std::uint32_t decide(std::size_t direction, const policy::LabelSet& peer,
                                     std::uint8_t protocol, std::uint16_t port) const;
};

// Takes forms and matrices from IR of Stage::Formed; from IR of Stage::Ranked that fits() it makes
// the same ones. Computes the hash.
[[nodiscard]] Shape make_shape(const EndpointPolicy& policy);

[[nodiscard]] std::string to_json(const Shape& shape);
// Takes exactly what to_json() wrote: anything else, down to white space, is an Error.
[[nodiscard]] Result<Shape> shape_from_json(std::string_view json);

}  // namespace policyc::ir
