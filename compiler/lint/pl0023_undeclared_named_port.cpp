#include <algorithm>
#include <set>

#include "compiler/lint/look.h"
#include "compiler/lint/rules.h"

namespace policyc::lint {
namespace {

bool declares(const policy::Endpoint& endpoint, const policy::PortSpec& port) {
  return std::any_of(endpoint.ports.begin(), endpoint.ports.end(), [&](const auto& one) {
    return one.name == port.name && one.protocol == policy::protocol_name(port.protocol);
  });
}

// Pods that a rule's port names are looked up in.
std::vector<const policy::Endpoint*> looked_up(const Model& model, const policy::Entry& entry) {
  std::vector<const policy::Endpoint*> found;
  if (entry.direction == policy::Direction::Ingress) {
    for (const std::size_t index : model.matching(entry.subject))
      found.push_back(model.classes()[index].members.front());
    return found;
  }
  for (const EndpointClass& one : model.classes()) found.push_back(one.members.front());
  return found;
}

void check_entry(const Model& model, const policy::Entry& entry, Findings& findings) {
  std::set<source::NodeId> reported;
  for (const policy::EntryPorts& element : entry.l4) {
    for (const policy::PortSpec& port : element.ports) {
      if (port.name.empty() || !reported.insert(port.node).second) continue;
      const auto pods = looked_up(model, entry);
      if (pods.empty()) continue;  // a dangling selector
      // A name without a protocol stands for three: one of them is enough.
      const bool declared = std::any_of(
          element.ports.begin(), element.ports.end(), [&](const policy::PortSpec& same) {
            return same.node == port.node &&
                   std::any_of(pods.begin(), pods.end(),
                               [&](const auto* pod) { return declares(*pod, same); });
          });
      if (declared) continue;
      findings
          .add(entry.origin.object(), port.node,
               "no container of " +
                   (entry.direction == policy::Direction::Ingress
                        ? counted(pods.size(), "selected pod")
                        : std::string("any pod")) +
                   " declares the port name " + diag::quoted(port.name) +
                   ": the rule matches no "
                   "port")
          .help =
          "declare it under `ports` of the container, with the same protocol; or write the "
          "number";
    }
  }
}

void check(const Model& model, Findings& findings) {
  if (!model.has_endpoints()) return;
  for (const policy::Entry& entry : model.in().resolved.entries) {
    // Names on egress are those of all pods: they must be known.
    if (entry.direction == policy::Direction::Egress && !model.in().complete_inventory) continue;
    check_entry(model, entry, findings);
  }
}

}  // namespace

constinit const Rule kUndeclaredNamedPort{
    .id = "PL0023",
    .name = "undeclared-named-port",
    .severity = diag::Severity::Error,
    .summary = "a port name that no container declares",
    .what =
        "A port given by name which, on ingress, none of the pods that the policy selects "
        "declares with the same protocol; on egress, no pod of a complete inventory "
        "(`--endpoints`).",
    .why =
        "A name that cannot be looked up matches no port: an allow allows nothing, and a deny "
        "denies nothing.",
    .example =
        R"(    toPorts: [{ports: [{port: htpp, protocol: TCP}]}]      # PL0023: the container has `http`
)",
    .repair = "Correct the name, or use the number.",
    .needs_inventory = true,
    .check = check,
};

}  // namespace policyc::lint
