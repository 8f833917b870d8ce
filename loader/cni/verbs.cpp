#include "loader/cni/verbs.h"

#include "loader/cni/addresses.h"
#include "loader/cni/agent.h"
#include "loader/cni/chained.h"
#include "loader/cni/pod_network.h"

namespace policyc::cni {

namespace {

// Nothing of the pod passes any more, though the plugin that made its interface removes it later.
void cut_off(const Environment& environment, const Config& config, const Log& log) {
  if (!config.previous) return;
  const auto container = Namespace::open(environment.network_namespace);
  if (!container) return;
  const auto found = find_chained(environment, *config.previous, *container);
  if (!found) return;
  auto host = Netlink::open();
  const auto down = host ? host->set_down(found->host) : std::unexpected(host.error());
  if (!down) log.warn(down.error().message + ": " + down.error().details);
}

// The same for those whom GC is about to forget. Who cannot be cut off is not forgotten: becomes
// one of `valid`.
Expected<void> cut_off_others(Agent& agent, const Config& config, std::set<ipam::Owner>& valid) {
  const auto others = agent.others(config.name, valid);
  if (!others) return std::unexpected(others.error());
  auto host = Netlink::open();
  if (!host) return std::unexpected(host.error());
  Expected<void> result;
  for (const auto& [owner, interface] : *others) {
    const auto link = host->find(interface);
    auto down = link ? Expected<void>() : std::unexpected(link.error());
    if (link && *link) down = host->set_down(**link);
    // The plugin that made it may have removed it meanwhile.
    if (const auto left = host->find(interface); down || (left && !*left)) continue;
    valid.insert(owner);
    if (result) result = down;
  }
  return result;
}

}  // namespace

Expected<void> del(const Environment& environment, const Config& config, const Log& log) {
  // First the way to the pod, then what is enforced on it: who dies between them opens nothing.
  if (config.chained) {
    cut_off(environment, config, log);
  } else if (auto gone =
                 remove_pair(host_interface_name(environment.container, environment.interface));
             !gone) {
    return gone;
  }
  if (const auto removed = Agent(config).remove(environment); !removed) {
    // It sees that the interface is gone, or GC tells it.
    log.warn(removed.error().message + ": " + removed.error().details);
  }
  if (config.chained) return {};
  return release_addresses(environment, config);
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
  // As in DEL. Interfaces that do not say whose they are, of a plugin before this version, are
  // those of whom the agent or the store tells.
  Agent agent(config);
  std::set<ipam::Owner> valid = *config.valid;
  result = config.chained ? cut_off_others(agent, config, valid) : remove_other_pairs(config, log);
  take(agent.collect(config.name, valid));
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
