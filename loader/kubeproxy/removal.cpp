#include "loader/kubeproxy/removal.h"

#include <unordered_map>
#include <unordered_set>

namespace policyc::kubeproxy {
namespace {

// The chains that rules of others reach: directly, or through chains of kube-proxy.
std::unordered_set<std::string> needed_by_others(const Table& table,
                                                 const TableLeftovers& leftovers) {
  std::unordered_set<std::string> needed;
  if (leftovers.used_by_others.empty()) return needed;
  std::unordered_multimap<std::string_view, std::string_view> targets;
  for (const Rule& rule : table.rules) targets.emplace(rule.chain, rule.target);
  const std::unordered_set<std::string_view> own(leftovers.chains.begin(), leftovers.chains.end());
  std::vector<std::string_view> open;
  for (const Rule& rule : leftovers.used_by_others) open.push_back(rule.target);
  while (!open.empty()) {
    const std::string_view chain = open.back();
    open.pop_back();
    if (!own.contains(chain) || !needed.emplace(chain).second) continue;
    const auto [begin, end] = targets.equal_range(chain);
    for (auto target = begin; target != end; ++target) open.push_back(target->second);
  }
  return needed;
}

}  // namespace

Removal plan_removal(const Table& table, const TableLeftovers& leftovers) {
  Removal result;
  const auto needed = needed_by_others(table, leftovers);
  for (const std::string& chain : leftovers.chains)
    (needed.contains(chain) ? result.kept : result.chains).push_back(chain);
  result.jumps = leftovers.jumps;
  if (result.chains.empty() && result.jumps.empty()) return result;

  std::string& script = result.script;
  script = "*" + table.name + "\n";
  // Naming a chain empties it; a chain can be deleted once nothing leads to it.
  for (const std::string& chain : result.chains) script += ":" + chain + " - [0:0]\n";
  for (const Rule& jump : result.jumps) script += "-D " + jump.chain + " " + jump.text + "\n";
  for (const std::string& chain : result.chains) script += "-X " + chain + "\n";
  script += "COMMIT\n";
  return result;
}

}  // namespace policyc::kubeproxy
