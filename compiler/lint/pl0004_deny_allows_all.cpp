#include <algorithm>

#include "compiler/lint/look.h"
#include "compiler/lint/rules.h"

namespace policyc::lint {
namespace {

bool says_deny(std::string_view text) {
  const bool deny = has_word(text, "deny") || has_word(text, "denyall");
  const bool exception =
      has_word(text, "allow") || has_word(text, "except") || has_word(text, "but") ||
      has_word(text, "unless") || has_word(text, "from") || has_word(text, "to") ||
      has_word(text, "external") || has_word(text, "other") || has_word(text, "across");
  return deny && !exception;
}

// What in the policy's own words promises that it denies; empty: nothing.
std::string promise(const Model& model, const SpecView& spec) {
  if (says_deny(spec.name)) return "its name " + diag::quoted(spec.name);
  if (spec.rule != nullptr && says_deny(spec.rule->description.value)) return "its description";
  const manifest::Document* document = model.document_of(spec);
  const manifest::Node* metadata = document == nullptr ? nullptr : document->root.find("metadata");
  const manifest::Node* annotations = metadata == nullptr ? nullptr : metadata->find("annotations");
  if (annotations == nullptr || !annotations->is_mapping()) return {};
  for (const manifest::Member& member : annotations->members) {
    if (member.value.is_string() && member.value.text.size() < 200 && says_deny(member.value.text))
      return "its annotation " + diag::quoted(member.key);
  }
  return {};
}

bool all_ports(const policy::Entry& entry) {
  if (!entry.has_l4) return true;
  return std::any_of(entry.l4.begin(), entry.l4.end(), [](const policy::EntryPorts& element) {
    return element.parser == policy::Parser::None &&
           std::any_of(element.ports.begin(), element.ports.end(), [](const auto& port) {
             return port.name.empty() && port.port == 0 && port.protocol == policy::Protocol::Any;
           });
  });
}

// Asks for no more than the namespace and the cluster.
bool is_everybody(const policy::Selector& selector) {
  return std::all_of(selector.requirements.begin(), selector.requirements.end(),
                     [](const policy::Requirement& requirement) {
                       return requirement.key == policy::kPodNamespaceKey ||
                              requirement.key == policy::kClusterKey;
                     });
}

void check(const Model& model, Findings& findings) {
  for (const SpecView& spec : model.specs()) {
    const std::string why = promise(model, spec);
    if (why.empty()) continue;
    for (const ItemView& item : spec.items) {
      // "Deny this": everything is allowed, and something denied.
      const bool denies = std::any_of(spec.items.begin(), spec.items.end(), [&](const auto& other) {
        return other.deny && other.direction == item.direction;
      });
      if (denies) continue;
      for (const std::size_t index : item.entries) {
        const policy::Entry& entry = model.entry(index);
        if (entry.deny || !all_ports(entry)) continue;
        const auto peer = std::find_if(entry.peers.begin(), entry.peers.end(), is_everybody);
        if (peer == entry.peers.end()) continue;
        const auto names = namespaces_of(*peer);
        const std::string who =
            names && !names->empty() ? "every pod of the namespace " + diag::quoted(names->front())
            : peer->matches_everything() ? std::string("everybody")
                                         : std::string("every pod of the cluster");
        findings
            .add(spec.object, item.node,
                 "this policy says by " + why + " that it denies, and this rule allows " +
                     (item.direction == policy::Direction::Ingress ? "from " : "to ") + who +
                     ", on every port")
            .help = item.kubernetes != nullptr
                        ? "for default deny write `" + word_of(item.direction) +
                              ": []` with the type in `policyTypes`"
                        : "for default deny write an item without peers: `" +
                              word_of(item.direction) + ": [{}]`";
        break;
      }
    }
  }
}

}  // namespace

constinit const Rule kDenyAllowsAll{
    .id = "PL0004",
    .name = "deny-allows-all",
    .severity = diag::Severity::Error,
    .summary = "a policy that calls itself a deny and allows everything",
    .what =
        "The name, the description or an annotation of a policy says that it denies, and one "
        "of its allow items names everybody (or everybody in the namespace) on every port: "
        "`fromEndpoints: [{}]` in a CiliumNetworkPolicy, `ingress: [{}]` in a NetworkPolicy. A "
        "name with `allow`, `except`, `from` and the like is taken at its word, and so is a "
        "policy that also has deny items.",
    .why =
        "`[{}]` means opposite things: as a list of items of a CiliumNetworkPolicy it allows "
        "nothing and switches default deny on; as a list of selectors, or as items of a "
        "NetworkPolicy, it allows everything. A default deny that allows all is found on the "
        "day of the incident.",
    .example = R"(apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: default-deny, namespace: shop}
spec:
  endpointSelector: {}
  ingress:
  - fromEndpoints: [{}]            # PL0004: everybody in the namespace
)",
    .repair =
        "Write `ingress: [{}]` in a CiliumNetworkPolicy; no `ingress` items and "
        "`policyTypes: [Ingress]` in a NetworkPolicy. Or rename the policy.",
    .security_severity = "7.0",
    .check = check,
};

}  // namespace policyc::lint
