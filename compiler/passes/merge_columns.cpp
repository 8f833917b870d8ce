#include "compiler/passes/passes.h"

namespace policyc::passes {

// Required: a loader makes the matrix again from the rules that an object carries, and must come to
// the same columns.
void MergeColumns::run(ir::EndpointPolicy& policy, Context&) {
  for (ir::DirectionPolicy& direction : policy.directions) direction.matrix->merge_columns();
}

}  // namespace policyc::passes
