#include <array>

#include "compiler/policy/schema_rules.h"
#include "compiler/policy/suggest.h"
#include "compiler/policy/text_format.h"

namespace policyc::policy {
namespace {

using diag::Id;

constexpr std::array<std::string_view, 3> kProtocols{"TCP", "UDP", "SCTP"};
constexpr std::array<std::string_view, 2> kPolicyTypes{"Ingress", "Egress"};
constexpr std::array<std::string_view, 4> kOperators{"In", "NotIn", "Exists", "DoesNotExist"};

template <std::size_t N>
bool is_one_of(std::string_view text, const std::array<std::string_view, N>& words) {
  for (const std::string_view word : words) {
    if (word == text) return true;
  }
  return false;
}

template <std::size_t N>
std::string hint(std::string_view seen, const std::array<std::string_view, N>& words) {
  if (const std::string word = nearest_word(seen, words); !word.empty())
    return "did you mean " + in_backticks(word) + "?";
  std::string list;
  for (const std::string_view word : words)
    list += (list.empty() ? "allowed: " : ", ") + in_backticks(word);
  return list;
}

// The port as a number; nothing for a name.
std::optional<long> port_number(const KubernetesPort& port) {
  if (!port.port_is_integer) return std::nullopt;
  return std::stol(port.port.value);  // a checked 32-bit integer
}

bool is_port_number(std::int64_t number) { return number >= 1 && number <= 65535; }

void check_port(const KubernetesPort& port, Refusals& refusals) {
  if (!is_one_of(port.protocol.value, kProtocols)) {
    refusals
        .add(Id::ValueNotAllowed, port.protocol.node,
             in_backticks(port.protocol.value) + " is not a value of `protocol`", "protocol")
        .help = hint(port.protocol.value, kProtocols);
  }
  const bool absent = port.port.node == port.node;  // an absent scalar is placed at its object
  if (absent) {
    if (port.end_port) {
      refusals.add(Id::EndPortNeedsPort, port.end_port->node, "`endPort` without `port`").help =
          "add `port`";
    }
    return;
  }
  const auto number = port_number(port);
  if (!number) {
    if (port.end_port) {
      refusals
          .add(Id::EndPortNeedsPort, port.end_port->node,
               "`endPort` with the named port " + in_backticks(port.port.value))
          .help = "give the port as a number";
    }
    if (!is_service_name(port.port.value, true)) {
      refusals
          .add(Id::InvalidPortName, port.port.node,
               in_backticks(port.port.value) + " is not a port name")
          .help = parse_port_number(port.port.value)
                      ? "write the number without quotes"
                      : "expected at most 15 lower-case letters, digits and inner hyphens";
    }
    return;
  }
  if (!is_port_number(*number)) {
    refusals
        .add(Id::NumberOutOfRange, port.port.node,
             "`port` is " + port.port.value + ", out of range")
        .help =
        *number == 0 ? "remove `port` for every port of the protocol" : "expected 1 to 65535";
  }
  if (!port.end_port) return;
  if (!is_port_number(port.end_port->value)) {
    refusals
        .add(Id::NumberOutOfRange, port.end_port->node,
             "`endPort` is " + std::to_string(port.end_port->value) + ", out of range")
        .help = "expected 1 to 65535";
  } else if (port.end_port->value < *number) {
    refusals
        .add(Id::EndPortOrder, port.end_port->node,
             "`endPort` " + std::to_string(port.end_port->value) + " is less than `port` " +
                 port.port.value)
        .help = "swap them";
  }
}

void check_ip_block(const CidrRule& block, Refusals& refusals) {
  const LocatedString& cidr = *block.cidr;
  if (cidr.value.empty()) {
    refusals.add(Id::MissingField, block.node, "`ipBlock` has no `cidr`", "cidr-syntax").help =
        "add `cidr`";
    return;
  }
  const auto outer = parse_sloppy_prefix(cidr.value);
  if (!outer) {
    const auto address = parse_ip_address(cidr.value);
    refusals
        .add(Id::NotACidr, cidr.node,
             in_backticks(cidr.value) + " is not a prefix in CIDR notation")
        .help = address ? "did you mean " + in_backticks(host_prefix(*address).to_string()) + "?"
                        : "expected an address, `/` and a length, such as `10.0.0.0/8`";
    return;
  }
  for (const LocatedString& except : block.except) {
    const auto inner = parse_sloppy_prefix(except.value);
    if (!inner) {
      refusals
          .add(Id::NotACidr, except.node,
               in_backticks(except.value) + " is not a prefix in CIDR notation")
          .help = "expected an address, `/` and a length, such as `10.0.0.0/8`";
    } else if (!outer->contains(*inner) || inner->length == outer->length) {
      auto& diagnostic = refusals.add(
          Id::ExceptOutsideCidr, except.node,
          in_backticks(except.value) + " is not a strict part of " + in_backticks(cidr.value),
          "except-not-contained");
      diagnostic.infos.push_back({cidr.node, "the prefix that it is taken from"});
      diagnostic.help = "`except` takes a smaller prefix out of `cidr`";
    }
  }
}

void check_peer(const KubernetesPeer& peer, Refusals& refusals) {
  if (peer.pod_selector) check_kubernetes_selector(*peer.pod_selector, refusals);
  if (peer.namespace_selector) check_kubernetes_selector(*peer.namespace_selector, refusals);
  if (peer.ip_block) check_ip_block(*peer.ip_block, refusals);
  const bool by_label = peer.pod_selector || peer.namespace_selector;
  if (!by_label && !peer.ip_block) {
    refusals.add(Id::EmptyPeer, peer.node, "the peer names nothing").help =
        "give `podSelector`, `namespaceSelector` or `ipBlock`; for every peer leave the list out";
  } else if (by_label && peer.ip_block) {
    refusals
        .add(Id::MixedPeer, peer.ip_block->node, "`ipBlock` together with a selector in one peer")
        .help = "write two peers: they are alternatives";
  }
}

void check_rules(const std::vector<KubernetesRule>& rules, Refusals& refusals) {
  for (const KubernetesRule& rule : rules) {
    for (const KubernetesPort& port : rule.ports) check_port(port, refusals);
    for (const KubernetesPeer& peer : rule.peers) check_peer(peer, refusals);
  }
}

}  // namespace

void check_kubernetes_selector(const LabelSelector& selector, Refusals& refusals) {
  const auto check_key = [&](const LocatedString& key) {
    auto error = check_qualified_name(key.value);
    if (!error) return;
    auto& diagnostic = refusals.add(Id::InvalidSelectorKey, key.node,
                                    "label key " + in_backticks(key.value) + " " + error->reason);
    if (const auto colon = key.value.find(':'); colon != std::string::npos) {
      diagnostic.help = "NetworkPolicy knows no label sources: write " +
                        in_backticks(key.value.substr(colon + 1));
    }
  };
  const auto check_value = [&](const LocatedString& value) {
    if (auto error = check_label_value(value.value)) {
      refusals.add(Id::InvalidSelectorValue, value.node,
                   "label value " + in_backticks(value.value) + " " + error->reason);
    }
  };
  for (const MatchLabel& label : selector.match_labels) {
    check_key(label.key);
    check_value(label.value);
  }
  for (const MatchExpression& expression : selector.match_expressions) {
    check_key(expression.key);
    const bool takes_values = expression.op.value == "In" || expression.op.value == "NotIn";
    if (!is_one_of(expression.op.value, kOperators)) {
      refusals
          .add(Id::ValueNotAllowed, expression.op.node,
               in_backticks(expression.op.value) + " is not a value of `operator`")
          .help = hint(expression.op.value, kOperators);
    } else if (takes_values && expression.values.empty()) {
      refusals
          .add(Id::OperatorValues, expression.node,
               in_backticks(expression.op.value) + " without `values`")
          .help = "give at least one value, or use `Exists`";
    } else if (!takes_values && !expression.values.empty()) {
      refusals
          .add(Id::OperatorValues, expression.values.front().node,
               in_backticks(expression.op.value) + " with `values`")
          .help = "remove `values`, or use `In`";
    }
    for (const LocatedString& value : expression.values) check_value(value);
  }
}

void check_network_policy(const KubernetesPolicy& policy, Refusals& refusals) {
  check_kubernetes_selector(policy.pod_selector, refusals);
  check_rules(policy.ingress, refusals);
  check_rules(policy.egress, refusals);
  if (policy.policy_types->size() > kPolicyTypes.size()) {
    refusals
        .add(Id::TooManyItems, policy.policy_types->back().node,
             "`policyTypes` has " + std::to_string(policy.policy_types->size()) +
                 " elements, at most 2 are allowed")
        .help = "remove what is there twice";
    return;
  }
  for (const LocatedString& type : *policy.policy_types) {
    if (is_one_of(type.value, kPolicyTypes)) continue;
    refusals
        .add(Id::ValueNotAllowed, type.node,
             in_backticks(type.value) + " is not a value of `policyTypes`")
        .help = hint(type.value, kPolicyTypes);
  }
}

}  // namespace policyc::policy
