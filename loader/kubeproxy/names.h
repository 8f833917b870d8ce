#pragma once
// Which chains and sets are whose. kube-proxy, kubelet and others (kube-router, for one) share the
// prefix KUBE-, so a prefix proves nothing: only names that kube-proxy gives count as its own.

#include <cstdint>
#include <string>
#include <string_view>

namespace policyc::kubeproxy {

enum class Owner : std::uint8_t {
  KubeProxy,
  Kubelet,  // also what both make, and kube-proxy leaves to kubelet when it cleans up
  Unknown,  // begins with KUBE-, but is of neither
  Other,
};

// Of a chain of an iptables table (nat, filter, mangle...). The chains of kube-proxy's iptables and
// IPVS modes, of all releases.
[[nodiscard]] Owner owner_of_chain(std::string_view table, std::string_view chain);

// A set that kube-proxy's IPVS mode makes, of either family.
[[nodiscard]] bool is_set_of_kube_proxy(std::string_view name);

// The chain's name, with a star for the hash of a service or an endpoint: KUBE-SVC-*.
[[nodiscard]] std::string kind_of_chain(std::string_view chain);

}  // namespace policyc::kubeproxy
