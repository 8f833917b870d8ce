#include "loader/service/listing.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <unordered_map>

#include "loader/service/kernel.h"
#include "loader/service/names.h"
#include "loader/service/set_state.h"

namespace policyc::service {
namespace {

class Lister {
 public:
  Lister(const Snapshot& snapshot, const std::vector<NamedSet>& names)
      : snapshot_(snapshot), tables_(snapshot.tables.begin(), snapshot.tables.end()) {
    for (const NamedSet& set : names) names_.emplace(set.number, &set);
    for (std::uint32_t number = 1; number < snapshot.backends.size(); ++number) {
      const backend_value& value = snapshot.backends[number];
      if (value.state == BACKEND_FREE) continue;
      ListedBackend backend;
      backend.number = number;
      backend.address.v6 = value.family == 6;
      std::ranges::copy(value.address, backend.address.bytes.begin());
      backend.port = __builtin_bswap16(value.port);
      backend.state = value.state;
      backend.generation = value.generation;
      backend.zone = value.zone;
      backend.local = (value.flags & BACKEND_LOCAL) != 0;
      backend.state_set = (value.flags & kSetStates) != 0;
      backends_[value.service].push_back(backend);
    }
    for (const source_range_key& key : snapshot.ranges) ranges_[key.frontend].push_back(&key);
  }

  ListedFrontend list(const FrontendKey& key, const frontend_value& value) const {
    ListedFrontend frontend;
    frontend.key = key;
    frontend.number = value.frontend;
    frontend.flags = value.flags;
    frontend.affinity_seconds = value.affinity_seconds;
    frontend.external = set(value, SCOPE_EXTERNAL);
    frontend.internal = set(value, SCOPE_INTERNAL);
    for (const std::uint32_t number : value.service) {
      const auto name = names_.find(number);
      if (name == names_.end() || name_tag(name->second->service) != (value.tag & ~kTagKindBits))
        continue;
      frontend.service = name->second->service;
      frontend.port = name->second->port;
    }
    if (const auto found = ranges_.find(value.frontend); found != ranges_.end()) {
      for (const source_range_key* range : found->second) {
        IpPrefix prefix;
        prefix.address.v6 = key.address.v6;
        std::ranges::copy(range->address, prefix.address.bytes.begin());
        prefix.length = static_cast<int>(range->prefix_length) - 32;
        frontend.source_ranges.push_back(prefix);
      }
      std::ranges::sort(frontend.source_ranges);
    }
    return frontend;
  }

 private:
  ListedSet set(const frontend_value& value, policyc_scope scope) const {
    ListedSet result;
    result.number = value.service[scope];
    if (result.number == 0 || result.number >= snapshot_.services.size()) return result;
    result.local_only = (value.tag >> scope & 1U) != 0;
    result.maglev = tables_.contains(result.number);
    if (const auto found = backends_.find(result.number); found != backends_.end())
      result.backends = found->second;
    const service_value& service = snapshot_.services[result.number];
    std::set<std::uint32_t> takers;
    for (std::uint32_t i = 0; i < service.count; ++i) {
      const std::size_t slot = std::size_t{service.slots} + i;
      if (slot < snapshot_.slots.size()) takers.insert(snapshot_.slots[slot]);
    }
    for (ListedBackend& backend : result.backends)
      backend.takes_new = takers.contains(backend.number);
    std::ranges::sort(result.backends, [](const ListedBackend& a, const ListedBackend& b) {
      return std::tie(a.address, a.port) < std::tie(b.address, b.port);
    });
    return result;
  }

  const Snapshot& snapshot_;
  std::set<std::uint32_t> tables_;
  std::unordered_map<std::uint32_t, const NamedSet*> names_;
  std::unordered_map<std::uint32_t, std::vector<ListedBackend>> backends_;
  std::unordered_map<std::uint32_t, std::vector<const source_range_key*>> ranges_;
};

}  // namespace

Result<std::vector<ListedFrontend>> list_frontends(const maps::ServiceMaps& maps,
                                                   const std::filesystem::path& state) {
  const auto snapshot = read_snapshot(maps);
  if (!snapshot) return std::unexpected(snapshot.error());
  const auto names = read_names(state);
  const Lister lister(*snapshot, names);
  std::vector<ListedFrontend> result;
  result.reserve(snapshot->frontends.size());
  for (const auto& [key, value] : snapshot->frontends) result.push_back(lister.list(key, value));
  std::ranges::sort(result, [](const ListedFrontend& a, const ListedFrontend& b) {
    return std::tie(a.service, a.key) < std::tie(b.service, b.key);
  });
  return result;
}

std::string backend_state_name(std::uint8_t state) {
  switch (state) {
    case BACKEND_ACTIVE:
      return "active";
    case BACKEND_TERMINATING:
      return "terminating";
    case BACKEND_QUARANTINED:
      return "quarantined";
    case BACKEND_MAINTENANCE:
      return "maintenance";
    default:
      return "free";
  }
}

std::string frontend_type_name(std::uint32_t flags) {
  if ((flags & FRONTEND_NODE_PORT) != 0) return "NodePort";
  if ((flags & FRONTEND_HOST_PORT) != 0) return "HostPort";
  if ((flags & FRONTEND_LOAD_BALANCER) != 0) return "LoadBalancer";
  if ((flags & FRONTEND_EXTERNAL_IP) != 0) return "ExternalIP";
  return "ClusterIP";
}

}  // namespace policyc::service
