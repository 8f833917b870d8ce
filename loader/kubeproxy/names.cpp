#include "loader/kubeproxy/names.h"

#include <algorithm>
#include <array>

namespace policyc::kubeproxy {
namespace {

// One for each service, endpoint or firewall; a hash follows.
constexpr std::array<std::string_view, 6> kHashed = {"KUBE-SVC-", "KUBE-SVL-", "KUBE-SEP-",
                                                     "KUBE-FW-",  "KUBE-EXT-", "KUBE-XLB-"};
constexpr std::size_t kHashLength = 16;  // base32 without padding

constexpr std::array<std::string_view, 13> kChains = {"KUBE-SERVICES",
                                                      "KUBE-EXTERNAL-SERVICES",
                                                      "KUBE-NODEPORTS",
                                                      "KUBE-POSTROUTING",
                                                      "KUBE-MARK-MASQ",
                                                      "KUBE-FORWARD",
                                                      "KUBE-PROXY-CANARY",
                                                      "KUBE-PROXY-FIREWALL",
                                                      "KUBE-LOAD-BALANCER",
                                                      "KUBE-NODE-PORT",
                                                      "KUBE-IPVS-FILTER",
                                                      "KUBE-IPVS-OUT-FILTER",
                                                      "KUBE-SOURCE-RANGES-FIREWALL"};
constexpr std::array<std::string_view, 3> kKubeletChains = {"KUBE-KUBELET-CANARY",
                                                            "KUBE-IPTABLES-HINT", "KUBE-MARK-DROP"};
// kube-proxy's in nat (IPVS mode); in filter kubelet's, of which kube-proxy keeps a duplicate.
constexpr std::string_view kFirewall = "KUBE-FIREWALL";

constexpr std::array<std::string_view, 17> kSets = {"LOOP-BACK",
                                                    "CLUSTER-IP",
                                                    "EXTERNAL-IP",
                                                    "EXTERNAL-IP-LOCAL",
                                                    "LOAD-BALANCER",
                                                    "LOAD-BALANCER-FW",
                                                    "LOAD-BALANCER-LOCAL",
                                                    "LOAD-BALANCER-SOURCE-IP",
                                                    "LOAD-BALANCER-SOURCE-CIDR",
                                                    "NODE-PORT-TCP",
                                                    "NODE-PORT-LOCAL-TCP",
                                                    "NODE-PORT-UDP",
                                                    "NODE-PORT-LOCAL-UDP",
                                                    "NODE-PORT-SCTP-HASH",
                                                    "NODE-PORT-LOCAL-SCTP-HASH",
                                                    "HEALTH-CHECK-NODE-PORT",
                                                    "IPVS-IPS"};

template <std::size_t N>
bool contains(const std::array<std::string_view, N>& list, std::string_view name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

// The prefix before the hash; empty where there is none.
std::string_view hashed_prefix(std::string_view chain) {
  for (const std::string_view prefix : kHashed) {
    if (!chain.starts_with(prefix) || chain.size() != prefix.size() + kHashLength) continue;
    const std::string_view hash = chain.substr(prefix.size());
    if (std::all_of(hash.begin(), hash.end(),
                    [](char c) { return (c >= 'A' && c <= 'Z') || (c >= '2' && c <= '7'); }))
      return prefix;
  }
  return {};
}

}  // namespace

Owner owner_of_chain(std::string_view table, std::string_view chain) {
  if (!chain.starts_with("KUBE-")) return Owner::Other;
  if (contains(kKubeletChains, chain)) return Owner::Kubelet;
  if (chain == kFirewall) return table == "nat" ? Owner::KubeProxy : Owner::Kubelet;
  if (contains(kChains, chain) || !hashed_prefix(chain).empty()) return Owner::KubeProxy;
  return Owner::Unknown;
}

bool is_set_of_kube_proxy(std::string_view name) {
  for (const std::string_view prefix : {"KUBE-6-", "KUBE-"}) {
    if (!name.starts_with(prefix)) continue;
    const std::string_view rest = name.substr(prefix.size());
    if (contains(kSets, rest)) return true;
  }
  return false;
}

std::string kind_of_chain(std::string_view chain) {
  const std::string_view prefix = hashed_prefix(chain);
  return prefix.empty() ? std::string(chain) : std::string(prefix) + "*";
}

}  // namespace policyc::kubeproxy
