#include <array>

#include "compiler/lint/look.h"
#include "compiler/lint/rules.h"

namespace policyc::lint {
namespace {

constexpr std::array kAdopted = {diag::Id::L7OnHost,       diag::Id::L7NotTcp,
                                 diag::Id::DnsOnIngress,   diag::Id::L7OnPortZero,
                                 diag::Id::DnsWithoutPort, diag::Id::DnsPortRange,
                                 diag::Id::SeveralL7Kinds};

void check(const Model& model, Findings& findings) {
  for (const SpecView& spec : model.specs()) {
    for (const ItemView& item : spec.items) {
      if (item.item == nullptr || !item.item->ports) continue;
      for (const policy::PortRule& rule : *item.item->ports) {
        if (!rule.rules || !rule.ports || rule.rules->size() == 0) continue;
        const bool only_tcp = rule.rules->http || rule.rules->kafka || rule.rules->l7;
        if (!only_tcp) continue;
        for (const policy::PortProtocol& port : *rule.ports) {
          const std::string protocol = lower(port.protocol.value);
          if (!protocol.empty() && protocol != "any") continue;
          findings
              .add(spec.object, port.node,
                   "the L7 rules of this port restrict TCP alone: UDP and SCTP to port " +
                       diag::quoted(port.port.value) + " are allowed without them")
              .help = "write `protocol: TCP`";
        }
      }
    }
  }
}

}  // namespace

constinit const Rule kL7Unsupported{
    .id = "PL0016",
    .name = "l7-unsupported",
    .severity = diag::Severity::Error,
    .summary = "L7 rules where Cilium does not support them",
    .what =
        "L7 rules in a node policy, on another protocol than TCP (DNS: than UDP and TCP), on "
        "port 0, DNS rules on ingress, on a range or without a port; two kinds of L7 rules in "
        "one element: the agent refuses the whole policy. HTTP, Kafka and generic rules on a "
        "port without a protocol (`ANY`): they restrict TCP, and UDP and SCTP go through.",
    .why = "A refused policy is not enforced; the API server takes it all the same.",
    .example = R"(    toPorts:
    - ports: [{port: "80"}]        # PL0016: any protocol
      rules: {http: [{method: GET}]}
)",
    .repair = "Give the protocol and one port; split kinds of rules into elements of `toPorts`.",
    .check = check,
    .adopts = kAdopted,
};

}  // namespace policyc::lint
