#include <algorithm>

#include "compiler/ir/implication.h"
#include "compiler/lint/look.h"
#include "compiler/lint/rules.h"

namespace policyc::lint {
namespace {

bool has_l7(const policy::Entry& entry) {
  return std::any_of(entry.l4.begin(), entry.l4.end(), [](const policy::EntryPorts& element) {
    return element.parser != policy::Parser::None;
  });
}

std::string ports_of(const policy::Entry& entry) {
  std::vector<std::string> ports;
  for (const policy::EntryPorts& element : entry.l4) {
    for (const policy::PortSpec& port : element.ports) {
      const std::string number = port.name.empty() ? std::to_string(port.port) : port.name;
      if (port.protocol == policy::Protocol::Icmp || port.protocol == policy::Protocol::IcmpV6)
        continue;
      if (std::find(ports.begin(), ports.end(), number) == ports.end()) ports.push_back(number);
    }
  }
  return ports.empty() ? std::string() : "port " + listed(ports);
}

// Whether everybody of the world is refused, on every port, wherever the entry applies.
bool is_denied(const Model& model, const policy::Entry& allow, const policy::LabelSet& world) {
  const auto candidates = model.candidates(allow.policy_namespace);
  return std::any_of(candidates.begin(), candidates.end(), [&](const policy::Entry* entry) {
    if (!entry->deny || entry->audited || entry->direction != allow.direction || entry->has_l4 ||
        entry->subject_is_node != allow.subject_is_node)
      return false;
    return std::any_of(entry->peers.begin(), entry->peers.end(),
                       [&](const auto& peer) { return peer.matches(world); }) &&
           ir::implies(allow.subject, entry->subject);
  });
}

void check(const Model& model, Findings& findings) {
  const policy::LabelSet worlds[] = {model.book().world_labels(false),
                                     model.book().world_labels(true)};
  for (const SpecView& spec : model.specs()) {
    for (const ItemView& item : spec.items) {
      if (item.deny || item.direction != policy::Direction::Ingress) continue;
      for (const std::size_t index : item.entries) {
        const policy::Entry& entry = model.entry(index);
        const bool anybody = entry.l3 == policy::L3::Empty && entry.has_l4;
        if (entry.l3 == policy::L3::Nothing || has_l7(entry) || entry.auth) continue;
        const bool world =
            std::any_of(std::begin(worlds), std::end(worlds), [&](const policy::LabelSet& labels) {
              const bool named =
                  anybody || std::any_of(entry.peers.begin(), entry.peers.end(),
                                         [&](const auto& peer) { return peer.matches(labels); });
              return named && !is_denied(model, entry, labels);
            });
        if (!world) continue;
        const std::string ports = ports_of(entry);
        if (entry.has_l4 && ports.empty()) continue;  // ICMP
        diag::Finding& finding =
            findings.add(spec.object, entry.origin.node,
                         "everybody, also from outside the cluster, may connect to " +
                             (ports.empty() ? std::string("every port") : ports) +
                             (anybody ? ": no peer is named" : ""));
        if (!ports.empty()) finding.severity = diag::Severity::Note;
        finding.help = anybody ? "name the peers: `fromEntities: [cluster]`, or their labels"
                               : "name the addresses, ports or L7 rules that are meant";
        break;
      }
    }
  }
}

}  // namespace

constinit const Rule kWorldExposure{
    .id = "PL0018",
    .name = "world-exposure",
    .severity = diag::Severity::Warning,
    .summary = "ingress from outside the cluster, for everybody",
    .what =
        "An ingress rule that allows every address outside the cluster: entity `world` or "
        "`all`, `0.0.0.0/0` or `::/0`, a NetworkPolicy rule without `from`, an item with "
        "`toPorts` and no peer. A note where ports are named, a warning where none is; rules "
        "with L7 rules or authentication are left alone, and so are those that a deny rule of the "
        "world overrides on every port.",
    .why =
        "An item with `toPorts` alone reads like a list of ports and is a door for the whole "
        "world, as soon as a load balancer or NodePort leads there.",
    .example = R"(  ingress:
  - toPorts: [{ports: [{port: "8080", protocol: TCP}]}]    # PL0018: from anywhere
)",
    .repair = "Name the peers.",
    .security_severity = "5.0",
    .check = check,
};

}  // namespace policyc::lint
