#include "compiler/ir/direction_matrix.h"
#include "compiler/passes/passes.h"

namespace policyc::passes {

void PortClasses::run(ir::EndpointPolicy& policy, Context&) {
  for (ir::DirectionPolicy& direction : policy.directions) {
    // Which peers a rule has tells no ports apart.
    std::vector<matrix::MatrixRule> rules(direction.rules.size());
    for (std::size_t i = 0; i < rules.size(); ++i) rules[i].ports = direction.rules[i].ports;
    direction.classes = matrix::port_classes(rules);
  }
}

}  // namespace policyc::passes
