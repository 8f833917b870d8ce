#include "loader/kubeproxy/leftovers.h"

#include <unordered_set>

#include "loader/kubeproxy/names.h"

namespace policyc::kubeproxy {

std::map<std::string, std::size_t> TableLeftovers::kinds() const {
  std::map<std::string, std::size_t> result;
  for (const std::string& chain : chains) ++result[kind_of_chain(chain)];
  return result;
}

TableLeftovers leftovers_of(const Table& table) {
  TableLeftovers result;
  result.table = table.name;
  std::unordered_set<std::string_view> own, built_in;
  for (const Chain& chain : table.chains) {
    if (chain.built_in) {
      built_in.insert(chain.name);
      continue;
    }
    switch (owner_of_chain(table.name, chain.name)) {
      case Owner::KubeProxy:
        own.insert(chain.name);
        result.chains.push_back(chain.name);
        break;
      case Owner::Kubelet:
        result.kubelets.push_back(chain.name);
        break;
      case Owner::Unknown:
        result.unknown.push_back(chain.name);
        break;
      case Owner::Other:
        break;
    }
  }
  for (const Rule& rule : table.rules) {
    if (own.contains(rule.chain)) {
      ++result.rules;
    } else if (own.contains(rule.target)) {
      (built_in.contains(rule.chain) ? result.jumps : result.used_by_others).push_back(rule);
    }
  }
  return result;
}

}  // namespace policyc::kubeproxy
