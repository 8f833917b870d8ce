#include <algorithm>

#include "compiler/passes/passes.h"

namespace policyc::passes {
namespace {

// Nothing when the name stands for no number, or for two.
const ir::NamedPort* find(const std::vector<ir::NamedPort>& table,
                          const ir::PortStatement& statement) {
  const auto is_meant = [&statement](const ir::NamedPort& port) {
    return port.protocol == statement.protocol && port.name == statement.name;
  };
  const auto found = std::find_if(table.begin(), table.end(), is_meant);
  if (found == table.end()) return nullptr;
  return std::find_if(found + 1, table.end(), is_meant) == table.end() ? &*found : nullptr;
}

}  // namespace

void ExpandNamedPorts::run(ir::EndpointPolicy& policy, Context& run) {
  for (std::size_t direction = 0; direction < 2; ++direction) {
    ir::DirectionPolicy& part = policy.directions[direction];
    for (ir::Rule& rule : part.rules) {
      bool any = false;
      std::erase_if(rule.statements, [&](ir::PortStatement& statement) {
        if (statement.name.empty()) return false;
        any = true;
        const ir::NamedPort* known = find(part.named_ports, statement);
        if (known == nullptr) {
          run.report.lost_ports.push_back(
              {rule.origin, rule.id, direction,
               ir::ir_protocol_name(statement.protocol) + "/" + statement.name});
          return true;
        }
        statement.name.clear();
        statement.port = known->number;
        return false;
      });
      if (!any) continue;
      std::sort(rule.statements.begin(), rule.statements.end());
      rule.statements.erase(std::unique(rule.statements.begin(), rule.statements.end()),
                            rule.statements.end());
    }
    part.named_ports.clear();
  }
}

}  // namespace policyc::passes
