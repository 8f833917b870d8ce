#pragma once
// What removes kube-proxy's part of one table: a script for `iptables-restore --noflush`, which
// applies it whole or not at all. Pure.

#include <string>
#include <vector>

#include "loader/kubeproxy/leftovers.h"

namespace policyc::kubeproxy {

struct Removal {
  std::string script;               // empty where nothing is to be done
  std::vector<std::string> chains;  // removed
  std::vector<Rule> jumps;          // removed, from built-in chains
  // Stay: rules of others lead into them, or into a chain that leads to them.
  std::vector<std::string> kept;
};

// `leftovers` are those of `table`. Names no rule but jumps of built-in chains into kube-proxy's
// chains, and no other chain than kube-proxy's. Each jump is deleted by its text, so the script
// fails, and changes nothing, when somebody has changed it since the table was read.
[[nodiscard]] Removal plan_removal(const Table& table, const TableLeftovers& leftovers);

}  // namespace policyc::kubeproxy
