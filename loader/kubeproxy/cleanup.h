#pragma once
// Removes what scan() found of kube-proxy: its chains and the jumps into them, its nftables tables,
// its sets. Nothing of kubelet or of anybody else; nothing of IPVS, whose services bear no owner's
// name.

#include <string>
#include <vector>

#include "loader/kubeproxy/scan.h"

namespace policyc::kubeproxy {

struct CleanedTable {
  Family family = Family::IPv4;
  Backend backend = Backend::Legacy;
  std::string table;
  std::size_t chains = 0;
  std::vector<Rule> jumps;
};

struct KeptChain {
  Family family = Family::IPv4;
  Backend backend = Backend::Legacy;
  std::string table;
  std::string chain;
};

struct Cleaned {
  std::vector<CleanedTable> iptables;
  std::vector<NftTable> nftables;
  std::vector<std::string> sets;
  std::vector<KeptChain> kept;        // others' rules need them
  std::vector<std::string> failures;  // what a tool refused; that part is unchanged
};

// Each iptables table changes whole or not at all, and so do the nftables tables together. Goes on
// after a failure. The caller has made sure that no kube-proxy runs.
[[nodiscard]] Cleaned clean_up(const Findings& findings);

}  // namespace policyc::kubeproxy
