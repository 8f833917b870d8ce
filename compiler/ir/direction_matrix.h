#pragma once
// From the rules of a direction to its matrix: the one place that knows how a rule becomes a
// decision. Passes make the matrix step by step; an object that is read back makes the same one at
// once.

#include <cstdint>
#include <vector>

#include "compiler/ir/ir.h"
#include "compiler/matrix/matrix.h"

namespace policyc::ir {

// Indices into EndpointPolicy::predicates that some rule of the direction asks, sorted.
[[nodiscard]] std::vector<std::uint32_t> asked_predicates(const DirectionPolicy& policy);

// The rules as a matrix knows them. A rule's predicate is the position in `asked` (sorted), or its
// own index when that is empty.
[[nodiscard]] std::vector<matrix::MatrixRule> matrix_rules(const DirectionPolicy& policy,
                                                           const std::vector<std::uint32_t>& asked);

// The decision (POLICYC_DECISION) when no rule of the direction matches.
[[nodiscard]] std::uint32_t fallback_decision(const DirectionPolicy& policy);

// False when the matrix of a direction would be too large to build (matrix::fits).
[[nodiscard]] bool fits(const DirectionPolicy& policy);

// The matrix of a direction, all steps. `asked` as in matrix_rules().
[[nodiscard]] matrix::VerdictMatrix verdict_matrix(const DirectionPolicy& policy,
                                                   const std::vector<std::uint32_t>& asked);

}  // namespace policyc::ir
