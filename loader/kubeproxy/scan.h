#pragma once
// Looks for what a kube-proxy, or another user of IPVS, left in this network namespace. Changes
// nothing. Needs root.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "loader/kubeproxy/leftovers.h"
#include "loader/kubeproxy/network.h"
#include "loader/kubeproxy/processes.h"
#include "loader/kubeproxy/save_text.h"

namespace policyc::kubeproxy {

enum class Family : std::uint8_t { IPv4, IPv6 };
// Two rule sets of the kernel that the tools of iptables write; a node may have both.
enum class Backend : std::uint8_t { Legacy, Nft };

[[nodiscard]] std::string_view family_name(Family family);     // "IPv4", "IPv6"
[[nodiscard]] std::string_view backend_name(Backend backend);  // "iptables-legacy", "iptables-nft"

struct IptablesTable {
  Family family = Family::IPv4;
  Backend backend = Backend::Legacy;
  std::string save_tool;  // its path
  Table rules;
  TableLeftovers leftovers;
};

struct NotRead {
  std::string what;
  std::string why;
  // Something of kube-proxy may be there, for all that is known.
  bool matters = true;
};

struct Findings {
  std::vector<Process> processes;
  std::vector<IptablesTable> iptables;  // with chains of kube-proxy, kubelet or with unknown ones
  std::vector<NftTable> nftables;
  IpvsCounts ipvs;
  bool ipvs_interface = false;  // kube-ipvs0
  std::vector<std::string> sets;
  std::vector<NotRead> not_read;

  // Something of kube-proxy, or of IPVS, is here.
  [[nodiscard]] bool any() const;
  // Everything that matters was read.
  [[nodiscard]] bool complete() const;
};

[[nodiscard]] Findings scan();

}  // namespace policyc::kubeproxy
