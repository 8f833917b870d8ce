// What the agent refuses of a NetworkPolicy: prefixes that only the API server's lenient parser
// takes make it fail, and protocols it does not know (spec section 8).

#include <array>

#include "compiler/policy/sanitize.h"
#include "compiler/policy/text_format.h"

namespace policyc::policy {
namespace {

using diag::Id;

constexpr std::array<std::string_view, 7> kProtocols{"",     "TCP",  "UDP", "SCTP",
                                                     "VRRP", "IGMP", "ANY"};

void sanitize_block_prefix(const LocatedString& text, Refusals& refusals) {
  if (parse_ip_prefix(text.value) || parse_ip_address(text.value)) return;
  auto& diagnostic = refusals.add(Id::InvalidCidr, text.node,
                                  in_backticks(text.value) + " is not a prefix", "cidr-syntax");
  if (const auto sloppy = parse_sloppy_prefix(text.value)) {
    diagnostic.help = "write it without leading zeros: " + in_backticks(sloppy->to_string());
  }
}

void sanitize_rules(const std::vector<KubernetesRule>& rules, Refusals& refusals) {
  for (const KubernetesRule& rule : rules) {
    for (const KubernetesPeer& peer : rule.peers) {
      if (!peer.ip_block) continue;
      sanitize_block_prefix(*peer.ip_block->cidr, refusals);
      for (const LocatedString& except : peer.ip_block->except)
        sanitize_block_prefix(except, refusals);
    }
    for (const KubernetesPort& port : rule.ports) {
      const std::string protocol = ascii_upper(port.protocol.value);
      bool known = false;
      for (const std::string_view name : kProtocols) known = known || name == protocol;
      if (known) continue;
      refusals
          .add(Id::InvalidProtocol, port.protocol.node,
               in_backticks(port.protocol.value) + " is not a protocol", "protocol")
          .help = "allowed: `TCP`, `UDP` and `SCTP`";
    }
  }
}

}  // namespace

void sanitize_network_policy(const KubernetesPolicy& policy, Refusals& refusals) {
  sanitize_rules(policy.ingress, refusals);
  sanitize_rules(policy.egress, refusals);
}

}  // namespace policyc::policy
