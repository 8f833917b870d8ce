#include "compiler/ir/listeners.h"

#include <map>

namespace policyc::ir {
namespace {

constexpr int kDefaultPriority = 126;

int priority_of(const policy::ListenerRef& listener) {
  return listener.priority == 0 ? kDefaultPriority : int{listener.priority};
}

}  // namespace

std::set<FilterKey> unrealised_filters(const std::vector<const policy::Entry*>& entries,
                                       const policy::Cluster& cluster,
                                       const std::string& subject_namespace) {
  std::map<FilterKey, const policy::ListenerRef*> strongest;
  for (const policy::Entry* entry : entries) {
    if (entry->deny || entry->l3 == policy::L3::Nothing) continue;
    for (const policy::EntryPorts& ports : entry->l4) {
      if (!ports.listener) continue;
      for (const policy::PortSpec& port : ports.ports) {
        for (const std::string& peer : peer_texts(*entry)) {
          const auto [found, inserted] =
              strongest.try_emplace(filter_key(port, peer), &*ports.listener);
          if (!inserted && priority_of(*ports.listener) < priority_of(*found->second)) {
            found->second = &*ports.listener;
          }
        }
      }
    }
  }
  std::set<FilterKey> result;
  for (const auto& [key, listener] : strongest) {
    if (!cluster.listeners.contains(listener->qualified(subject_namespace))) result.insert(key);
  }
  return result;
}

}  // namespace policyc::ir
