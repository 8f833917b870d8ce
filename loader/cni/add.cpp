#include <utility>

#include "loader/cni/addresses.h"
#include "loader/cni/agent.h"
#include "loader/cni/chained.h"
#include "loader/cni/pod_network.h"
#include "loader/cni/verbs.h"

namespace policyc::cni {
namespace {

// What the agent is told of an interface.
v1::AddEndpointRequest request_for(const Environment& environment, const Config& config,
                                   const std::string& host_interface, const std::string& mac,
                                   const std::vector<IpAddress>& addresses) {
  v1::AddEndpointRequest request;
  request.mutable_ref()->set_container_id(environment.container);
  request.mutable_ref()->set_container_interface(environment.interface);
  request.set_host_interface(host_interface);
  for (const IpAddress& address : addresses) request.add_addresses(address.to_string());
  request.set_mac(mac);
  request.set_network_namespace(environment.network_namespace);
  request.set_network(config.name);
  const auto argument = [&](const char* name) {
    const auto found = environment.arguments.find(name);
    return found == environment.arguments.end() ? std::string() : found->second;
  };
  request.set_pod_namespace(argument("K8S_POD_NAMESPACE"));
  request.set_pod_name(argument("K8S_POD_NAME"));
  for (const auto& [key, value] : config.labels) (*request.mutable_labels())[key] = value;
  return request;
}

void log_undo(const Expected<void>& done, const Log& log) {
  if (!done) log.warn("undoing: " + done.error().message + ": " + done.error().details);
}

Expected<Json> add_chained(const Environment& environment, const Config& config, const Log& log) {
  const auto container = Namespace::open(environment.network_namespace);
  if (!container) return std::unexpected(container.error());
  const auto found = find_chained(environment, *config.previous, *container);
  if (!found) return std::unexpected(found.error());
  Agent agent(config);
  const auto enforced = agent.add(
      request_for(environment, config, found->host.name, found->container.mac, found->addresses));
  if (!enforced) {
    if (enforced.error().code == Code::TryLater) log_undo(agent.remove(environment), log);
    return std::unexpected(enforced.error());
  }
  log.info("enforced on " + found->host.name);
  return to_json(*config.previous, config.version);
}

AddResult result_of(const Environment& environment, const Pair& pair, const Addresses& addresses) {
  AddResult result;
  result.interfaces = {{pair.host.name, pair.host.mac, ""},
                       {environment.interface, pair.container.mac, environment.network_namespace}};
  for (const IpAddress& address : addresses.list) {
    result.addresses.push_back({address, address.bit_length(), next_hop(address.v6), 1});
    result.routes.push_back(default_route(address.v6));
  }
  result.dns = addresses.dns;
  return result;
}

// From the pair on. A Failure leaves no pair and no endpoint; the addresses are the caller's. The
// pair goes first: what is enforced on it must not end before.
Expected<void> enforce_and_open(const Environment& environment, const Config& config,
                                const Namespace& container, const Pair& pair,
                                const std::vector<IpAddress>& addresses, const Log& log) {
  Agent agent(config);
  auto done =
      agent.add(request_for(environment, config, pair.host.name, pair.container.mac, addresses));
  const bool may_know = done || done.error().code == Code::TryLater;
  if (done) done = open_pair(config, container, pair, addresses);
  if (done) return {};
  log.warn(done.error().message + ": " + done.error().details);
  log_undo(remove_pair(pair.host.name), log);
  if (may_know) log_undo(agent.remove(environment), log);
  return done;
}

}  // namespace

Expected<Json> add(const Environment& environment, const Config& config, const Log& log) {
  if (config.chained) return add_chained(environment, config, log);
  const auto container = Namespace::open(environment.network_namespace);
  if (!container) return std::unexpected(container.error());
  {
    // Before anything is taken: a second ADD must not undo the first one.
    auto inside = Netlink::open(&*container);
    if (!inside) return std::unexpected(inside.error());
    const auto occupied = inside->find(environment.interface);
    if (!occupied) return std::unexpected(occupied.error());
    if (*occupied)
      return refuse(Code::Network,
                    "the container has an interface " + environment.interface + " already");
  }
  if (auto forwarding = set_sysctl("ipv4/ip_forward", "1"); !forwarding)
    return std::unexpected(forwarding.error());
  const auto addresses = take_addresses(environment, config);
  if (!addresses) return std::unexpected(addresses.error());
  const auto pair = make_pair(environment, config, *container, addresses->list);
  if (!pair) {
    log_undo(release_addresses(environment, config), log);
    return std::unexpected(pair.error());
  }
  log.debug("made " + pair->host.name + ", down in the container");
  if (const auto done =
          enforce_and_open(environment, config, *container, *pair, addresses->list, log);
      !done) {
    log_undo(release_addresses(environment, config), log);
    return std::unexpected(done.error());
  }
  log.info("enforced on " + pair->host.name);
  return to_json(result_of(environment, *pair, *addresses), config.version);
}

}  // namespace policyc::cni
