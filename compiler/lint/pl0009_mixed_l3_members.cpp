#include <array>

#include "compiler/lint/rules.h"

namespace policyc::lint {
namespace {

constexpr std::array kAdopted = {diag::Id::CombinedPeers, diag::Id::MixedPeer};

}  // namespace

constinit const Rule kMixedL3Members{
    .id = "PL0009",
    .name = "mixed-l3-members",
    .severity = diag::Severity::Error,
    .summary = "one item with two kinds of peers, for which the whole policy is refused",
    .what =
        "An item that has more than one of `fromEndpoints`, `fromCIDR`, `fromCIDRSet`, "
        "`fromEntities`, `fromNodes`, `toServices`, `toFQDNs` and so on; or a NetworkPolicy "
        "peer with both `ipBlock` and a selector.",
    .why =
        "The agent refuses the whole object and goes on with the version it had before; the "
        "API server takes it without a word. An entry of `specs` that is wrong takes the "
        "others with it.",
    .example = R"(  ingress:
  - fromEndpoints: [{matchLabels: {app: web}}]
    fromEntities: [host]           # PL0009
)",
    .repair = "Write two items: items are alternatives, each with the `toPorts` it needs.",
    .adopts = kAdopted,
};

}  // namespace policyc::lint
