#include "compiler/ir/direction_matrix.h"
#include "compiler/passes/passes.h"

namespace policyc::passes {

void VerdictMatrix::run(ir::EndpointPolicy& policy, Context&) {
  for (ir::DirectionPolicy& direction : policy.directions) {
    direction.matrix.emplace(ir::matrix_rules(direction, ir::asked_predicates(direction)),
                             ir::fallback_decision(direction), std::move(*direction.classes));
    direction.classes.reset();
  }
}

}  // namespace policyc::passes
