#pragma once
// What else of the node's network may translate services: nftables, IPVS, sets. Pure readers of the
// texts in which the kernel and the tools list them.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/support/result.h"

namespace policyc::kubeproxy {

// kube-proxy's nftables mode keeps one table of this name for each family.
constexpr std::string_view kNftTable = "kube-proxy";

struct NftChain {
  std::string family;  // nft's: "ip", "ip6", "inet"...
  std::string table;
  std::string name;
};
struct NftTable {
  std::string family;
  std::string name;
  std::size_t chains = 0;
};

// kube-proxy's of the answer of `nft -j list tables`; chains stays 0. An Error when it is no such
// answer.
[[nodiscard]] Result<std::vector<NftTable>> parse_nft_tables(std::string_view json);
// All of the answer of `nft -j list chains`.
[[nodiscard]] Result<std::vector<NftChain>> parse_nft_chains(std::string_view json);

struct IpvsCounts {
  std::size_t services = 0;
  std::size_t destinations = 0;
};
// Of /proc/net/ip_vs.
[[nodiscard]] Result<IpvsCounts> parse_ip_vs(std::string_view text);

// kube-proxy's of the answer of `ipset list -n`.
[[nodiscard]] std::vector<std::string> parse_set_names(std::string_view text);

}  // namespace policyc::kubeproxy
