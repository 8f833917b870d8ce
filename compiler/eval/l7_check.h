#pragma once
// What the proxies say of one request on a redirected flow (spec sections 6.8, 7.1, 7.3, 7.5).

#include <string>
#include <vector>

#include "compiler/eval/eval.h"
#include "compiler/eval/filters.h"

namespace policyc::eval {

// Envoy: of the statements for the port, for ranges that hold it and for every port, one must let
// the request pass. `alternatives` are those that select the peer.
[[nodiscard]] bool envoy_allows(const Flow& flow,
                                const std::vector<const PeerPolicy*>& alternatives);

// The agent's DNS proxy knows only the filter of exactly the redirected port and protocol: does
// `filter` feed the proxy of `redirect`?
[[nodiscard]] bool feeds_same_dns_proxy(const Filter& filter, const Filter& redirect);
[[nodiscard]] bool dns_rules_allow(const PeerPolicy& peer, const std::string& query);

}  // namespace policyc::eval
