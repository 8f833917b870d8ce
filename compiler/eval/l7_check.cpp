#include "compiler/eval/l7_check.h"

#include <algorithm>

namespace policyc::eval {

namespace {

bool server_name_fits(const PeerPolicy& peer, const Flow& flow) {
  if (peer.server_names.empty()) {
    return true;
  }
  return flow.server_name &&
         std::any_of(peer.server_names.begin(), peer.server_names.end(),
                     [&flow](const std::string& pattern) {
                       return policy::l7::SniPattern(pattern).matches(*flow.server_name);
                     });
}

bool http_fits(const PeerPolicy& peer, const Flow& flow) {
  if (peer.l7.unrestricted()) {
    return true;
  }
  return flow.http && std::any_of(peer.l7.http.begin(), peer.l7.http.end(),
                                  [&flow](const auto& rule) { return rule->matches(*flow.http); });
}

}  // namespace

bool envoy_allows(const Flow& flow, const std::vector<const PeerPolicy*>& alternatives) {
  return std::any_of(alternatives.begin(), alternatives.end(), [&flow](const PeerPolicy* peer) {
    return !peer->deny && server_name_fits(*peer, flow) && http_fits(*peer, flow);
  });
}

bool feeds_same_dns_proxy(const Filter& filter, const Filter& redirect) {
  if (&filter == &redirect) {
    return true;
  }
  const auto is_one_port = [](const Filter& candidate) {
    return candidate.ports && !candidate.ports->any_port &&
           candidate.ports->first == candidate.ports->last;
  };
  const bool has_dns =
      std::any_of(filter.peers.begin(), filter.peers.end(),
                  [](const PeerPolicy& peer) { return peer.parser == policy::Parser::Dns; });
  return has_dns && is_one_port(filter) && is_one_port(redirect) &&
         filter.ports->first == redirect.ports->first &&
         filter.ports->protocol == redirect.ports->protocol;
}

bool dns_rules_allow(const PeerPolicy& peer, const std::string& query) {
  if (peer.deny) {
    return false;
  }
  return peer.l7.unrestricted() ||
         std::any_of(peer.l7.dns.begin(), peer.l7.dns.end(),
                     [&query](const auto& pattern) { return pattern.matches(query); });
}

}  // namespace policyc::eval
