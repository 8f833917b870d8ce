#include <algorithm>
#include <tuple>

#include "compiler/passes/passes.h"

namespace policyc::passes {
namespace {

// `table` is sorted. Nothing when the name stands for no number, or for two.
const ir::NamedPort* find(const std::vector<ir::NamedPort>& table,
                          const ir::PortStatement& statement) {
  const auto is_meant = [&statement](const ir::NamedPort& port) {
    return port.protocol == statement.protocol && port.name == statement.name;
  };
  const auto found = std::lower_bound(
      table.begin(), table.end(), statement,
      [](const ir::NamedPort& port, const ir::PortStatement& wanted) {
        return std::tie(port.protocol, port.name) < std::tie(wanted.protocol, wanted.name);
      });
  if (found == table.end() || !is_meant(*found)) return nullptr;
  const auto next = found + 1;
  return next == table.end() || !is_meant(*next) ? &*found : nullptr;
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
