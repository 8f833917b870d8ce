#include "compiler/ir/form.h"
#include "compiler/passes/passes.h"

namespace policyc::passes {

void ChooseForm::run(ir::EndpointPolicy& policy, Context& run) {
  for (ir::DirectionPolicy& direction : policy.directions)
    direction.form = ir::choose_form(direction.rules, *direction.matrix, run.options.form);
}

}  // namespace policyc::passes
