#include "compiler/service/health.h"

#include <algorithm>
#include <array>
#include <set>

namespace policyc::service {

std::size_t count_local_endpoints(const Service& service,
                                  const std::vector<const EndpointSlice*>& slices,
                                  const std::string& node_name) {
  if (node_name.empty()) return 0;
  std::array<std::set<IpAddress>, 2> addresses;
  for (const EndpointSlice* slice : slices) {
    if (slice->ports.empty() || slice->weight == 0) continue;
    for (const Endpoint& endpoint : slice->endpoints) {
      const bool ready = endpoint.ready || service.publish_not_ready;
      if (!ready || endpoint.node_name != node_name || endpoint.addresses.empty()) continue;
      const IpAddress& address = endpoint.addresses.front();
      addresses[address.v6 ? 1 : 0].insert(address);
    }
  }
  return std::max(addresses[0].size(), addresses[1].size());
}

}  // namespace policyc::service
