#include "loader/cni/verbs.h"

#include "loader/cni/addresses.h"
#include "loader/cni/agent.h"
#include "loader/cni/chained.h"
#include "loader/cni/pod_network.h"

namespace policyc::cni {

Expected<void> del(const Environment& environment, const Config& config, const Log& log) {
  Agent agent(config);
  if (const auto removed = agent.remove(environment); !removed) {
    // It sees that the interface is gone, or GC tells it.
    log.warn(removed.error().message + ": " + removed.error().details);
  }
  if (config.chained) return {};
  const auto gone = remove_pair(host_interface_name(environment.container, environment.interface));
  auto released = release_addresses(environment, config);
  if (!gone) return gone;
  return released;
}

Expected<void> check(const Environment& environment, const Config& config) {
  if (!config.previous)
    return refuse(Code::InvalidConfig, "there is no prevResult; CHECK compares with it");
  const auto container = Namespace::open(environment.network_namespace);
  if (!container) return std::unexpected(container.error());
  if (config.chained) {
    const auto found = find_chained(environment, *config.previous, *container);
    if (!found) return refuse(Code::Check, found.error().message, found.error().details);
  } else {
    std::vector<IpAddress> addresses;
    const std::string host_name = host_interface_name(environment.container, environment.interface);
    bool named = false;
    for (const Interface& interface : config.previous->interfaces)
      named = named || interface.name == host_name;
    if (!named) return refuse(Code::Check, "prevResult does not name the interface " + host_name);
    for (const AssignedAddress& address : config.previous->addresses)
      addresses.push_back(address.address);
    if (auto same = check_addresses(environment, config, addresses); !same) return same;
    if (auto same = check_pair(environment, *container, addresses); !same) return same;
  }
  return Agent(config).check(environment);
}

Expected<void> collect(const Environment& environment, const Config& config, const Log& log) {
  // Without the list everything would go.
  if (!config.valid) return refuse(Code::InvalidConfig, "cni.dev/valid-attachments is missing");
  Expected<void> result;
  std::set<ipam::Owner> removed;
  const auto take = [&](Expected<std::vector<ipam::Owner>> owners) {
    if (owners) {
      removed.insert(owners->begin(), owners->end());
    } else if (result) {
      result = std::unexpected(owners.error());
    }
  };
  // The agent first: what it enforces on an interface goes before the interface.
  take(Agent(config).collect(config.name, *config.valid));
  if (!config.chained) {
    take(collect_addresses(environment, config));
    for (const ipam::Owner& owner : removed) {
      const auto gone = remove_pair(host_interface_name(owner.container, owner.interface));
      if (!gone && result) result = gone;
    }
  }
  for (const ipam::Owner& owner : removed)
    log.info("collected " + owner.container + " " + owner.interface);
  return result;
}

Expected<void> status(const Environment& environment, const Config& config) {
  if (!config.chained) {
    if (auto pools = check_pools(environment, config); !pools)
      return refuse(Code::NotAvailable, pools.error().message, pools.error().details);
  }
  return Agent(config).status();
}

}  // namespace policyc::cni
