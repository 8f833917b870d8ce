#pragma once
// What one iptables table holds of kube-proxy. Pure.

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "loader/kubeproxy/save_text.h"

namespace policyc::kubeproxy {

struct TableLeftovers {
  std::string table;
  std::vector<std::string> chains;    // kube-proxy's, in the table's order
  std::size_t rules = 0;              // in these chains
  std::vector<Rule> jumps;            // from built-in chains into these
  std::vector<Rule> used_by_others;   // rules of somebody's own chains that lead into these
  std::vector<std::string> kubelets;  // kubelet's chains
  std::vector<std::string> unknown;   // begin with KUBE-, neither kube-proxy's nor kubelet's

  // Chains counted by kind, as "KUBE-SVC-*".
  [[nodiscard]] std::map<std::string, std::size_t> kinds() const;
};

[[nodiscard]] TableLeftovers leftovers_of(const Table& table);

}  // namespace policyc::kubeproxy
