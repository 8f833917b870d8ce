#include "compiler/service/builder.h"

#include <algorithm>
#include <array>

namespace policyc::service {
namespace {

// What stands here is asked for at every address of the node.
IpAddress any_address(bool v6) { return {.v6 = v6, .bytes = {}}; }

bool is_loopback(const IpAddress& address) {
  return address.v6 ? address == *parse_ip_address("::1") : address.bytes[0] == 127;
}

bool exposes(const Service& service, ServiceType type) {
  return !service.only_type || *service.only_type == type;
}

policyc_backend_state state_of(const Endpoint& endpoint, const Service& service,
                               std::uint32_t weight) {
  // A ready endpoint that terminates is one of `publishNotReadyAddresses`.
  if (endpoint.ready || service.publish_not_ready)
    return weight == 0 ? BACKEND_MAINTENANCE : BACKEND_ACTIVE;
  if (endpoint.terminating) return BACKEND_TERMINATING;
  // Not ready: its connections stay, as readiness may come back.
  return BACKEND_MAINTENANCE;
}

// A backend with the hints of its endpoint.
struct Candidate {
  Backend backend;
  const Endpoint* endpoint;
};

class Builder {
 public:
  Builder(const Service& service, const std::vector<const EndpointSlice*>& slices,
          const NodeView& node, const Defaults& defaults)
      : service_(service), slices_(slices), node_(node), defaults_(defaults) {}

  DesiredService build() {
    result_.name = service_.full_name();
    if (service_.headless || service_.type == ServiceType::ExternalName) return result_;
    for (const ServicePort& port : service_.ports) {
      made_ = {};
      for (const bool v6 : {false, true}) build_port(port, v6);
    }
    return std::move(result_);
  }

 private:
  void build_port(const ServicePort& port, bool v6) {
    if (exposes(service_, ServiceType::ClusterIp)) {
      for (const IpAddress& address : service_.cluster_ips) add(port, v6, address, port.port, 0);
    }
    const bool has_node_ports =
        service_.type == ServiceType::NodePort || service_.type == ServiceType::LoadBalancer;
    if (has_node_ports && port.node_port != 0 && (v6 ? service_.v6 : service_.v4) &&
        exposes(service_, ServiceType::NodePort)) {
      for (const IpAddress& address : node_.addresses)
        add(port, v6, address, port.node_port, FRONTEND_NODE_PORT);
      add_to_any(port, v6);
    }
    if (service_.type == ServiceType::LoadBalancer &&
        exposes(service_, ServiceType::LoadBalancer)) {
      for (const IpAddress& address : service_.ingress_ips)
        add(port, v6, address, port.port, FRONTEND_LOAD_BALANCER);
    }
    for (const IpAddress& address : service_.external_ips)
      add(port, v6, address, port.port, FRONTEND_EXTERNAL_IP);
  }

  // A frontend of the family, if the address is of it.
  void add(const ServicePort& port, bool v6, const IpAddress& address, std::uint16_t number,
           std::uint32_t flags) {
    if (address.v6 != v6) return;
    Frontend frontend;
    frontend.address = address;
    frontend.port = number;
    frontend.protocol = port.protocol;
    frontend.flags = flags;
    frontend.affinity_seconds = service_.affinity_seconds;
    frontend.internal = set(port, v6, service_.internal_local);
    const bool routable = flags != 0;
    if (routable) {
      const bool crosses = goes_to_other_family(port, v6);
      frontend.external = set(port, v6 != crosses, service_.external_local);
      if (service_.maglev.value_or(defaults_.maglev)) frontend.flags |= FRONTEND_MAGLEV;
      if (crosses)
        frontend.flags |= FRONTEND_OTHER_FAMILY;  // the node answers such clients
      else if (service_.dsr.value_or(is_direct(defaults_.forwarding, port.protocol)))
        frontend.flags |= FRONTEND_DSR;
    }
    if ((flags & FRONTEND_LOAD_BALANCER) != 0 && !service_.source_ranges.empty()) {
      // A family without a range of its own lets nobody in.
      frontend.flags |= FRONTEND_SOURCE_RANGES;
      for (const IpPrefix& prefix : service_.source_ranges) {
        if (prefix.address.v6 == v6) frontend.source_ranges.push_back(prefix);
      }
    }
    frontend.own_address = std::ranges::find(node_.addresses, address) == node_.addresses.end();
    merge(std::move(frontend));
  }

  // For sockets, at what else is an address of a node: no packet comes to this frontend.
  void add_to_any(const ServicePort& port, bool v6) {
    Frontend frontend;
    frontend.address = any_address(v6);
    frontend.port = port.node_port;
    frontend.protocol = port.protocol;
    frontend.flags = FRONTEND_NODE_PORT;
    frontend.affinity_seconds = service_.affinity_seconds;
    frontend.internal = set(port, v6, service_.internal_local);
    merge(std::move(frontend));
  }

  // An address may be given twice, as external address and by a load balancer.
  void merge(Frontend frontend) {
    const auto same = std::ranges::find_if(result_.frontends, [&](const Frontend& other) {
      return other.address == frontend.address && other.port == frontend.port &&
             other.protocol == frontend.protocol;
    });
    if (same == result_.frontends.end()) {
      result_.frontends.push_back(std::move(frontend));
    } else {
      same->flags |= frontend.flags;
      if (!same->external) same->external = frontend.external;
    }
  }

  // Has the port no endpoint of the family, but some of the other one, and is that to be used? SCTP
  // cannot be translated.
  [[nodiscard]] bool goes_to_other_family(const ServicePort& port, bool v6) const {
    return defaults_.nat46x64 && port.protocol != kSctp && find_candidates(port, v6).empty() &&
           !find_candidates(port, !v6).empty();
  }

  // The index of the port's set, made when it is first needed.
  std::size_t set(const ServicePort& port, bool v6, bool local_only) {
    std::optional<std::size_t>& index = made_[(v6 ? 2U : 0U) + (local_only ? 1U : 0U)];
    if (index) return *index;
    BackendSet made;
    made.port = port.name.empty() ? std::to_string(port.port) : port.name;
    made.protocol = port.protocol;
    made.v6 = v6;
    made.local_only = local_only;
    std::vector<Candidate> candidates = find_candidates(port, v6);
    if (local_only) {
      std::erase_if(candidates, [](const Candidate& one) { return !one.backend.local; });
    } else {
      follow_hints(candidates);
    }
    for (Candidate& candidate : candidates) made.backends.push_back(candidate.backend);
    index = result_.sets.size();
    result_.sets.push_back(std::move(made));
    return *index;
  }

  // Sorted by address and port, each once: an endpoint that moves from one slice to another is in
  // both for a while, and the better state counts.
  [[nodiscard]] std::vector<Candidate> find_candidates(const ServicePort& port, bool v6) const {
    std::vector<Candidate> found;
    for (const EndpointSlice* slice : slices_) {
      const auto target = std::ranges::find_if(slice->ports, [&](const EndpointPort& other) {
        return other.name == port.name && other.protocol == port.protocol;
      });
      if (target == slice->ports.end()) continue;
      for (const Endpoint& endpoint : slice->endpoints) {
        // All addresses of an endpoint are the same backend; the first one counts (kube-proxy).
        if (endpoint.addresses.empty() || endpoint.addresses.front().v6 != v6) continue;
        Backend backend;
        backend.address = endpoint.addresses.front();
        backend.port = target->port;
        backend.state = state_of(endpoint, service_, slice->weight);
        backend.serving = endpoint.serving;
        backend.local = !node_.name.empty() && endpoint.node_name == node_.name;
        backend.zone = zone_number(endpoint.zone);
        backend.weight = slice->weight;
        found.push_back({backend, &endpoint});
      }
    }
    const auto place = [](const Candidate& one) {
      return std::tie(one.backend.address, one.backend.port);
    };
    std::ranges::stable_sort(found, [&](const Candidate& a, const Candidate& b) {
      return place(a) != place(b) ? place(a) < place(b) : a.backend.state < b.backend.state;
    });
    const auto twice = std::ranges::unique(
        found, [&](const Candidate& a, const Candidate& b) { return place(a) == place(b); });
    found.erase(twice.begin(), twice.end());
    return found;
  }

  // Topology: backends that are hinted for this node or its zone, if every active one has a hint
  // and one is meant for us. The others keep their connections.
  void follow_hints(std::vector<Candidate>& candidates) const {
    if (service_.distribution == TrafficDistribution::None) return;
    if (service_.distribution == TrafficDistribution::SameNode && !node_.name.empty() &&
        keep_hinted(candidates, &Endpoint::for_nodes, node_.name))
      return;
    if (!node_.zone.empty()) keep_hinted(candidates, &Endpoint::for_zones, node_.zone);
  }

  static bool keep_hinted(std::vector<Candidate>& candidates,
                          std::vector<std::string> Endpoint::* hints, const std::string& ours) {
    const auto is_ours = [&](const Candidate& one) {
      return std::ranges::find(one.endpoint->*hints, ours) != (one.endpoint->*hints).end();
    };
    bool any = false;
    for (const Candidate& one : candidates) {
      if (one.backend.state != BACKEND_ACTIVE) continue;
      if ((one.endpoint->*hints).empty()) return false;
      any = any || is_ours(one);
    }
    if (!any) return false;
    for (Candidate& one : candidates) {
      if (one.backend.state == BACKEND_ACTIVE && !is_ours(one))
        one.backend.state = BACKEND_MAINTENANCE;
    }
    return true;
  }

  const Service& service_;
  const std::vector<const EndpointSlice*>& slices_;
  const NodeView& node_;
  const Defaults& defaults_;
  DesiredService result_;
  // Sets of the port at hand: IPv4, IPv4 of this node, IPv6, IPv6 of this node.
  std::array<std::optional<std::size_t>, 4> made_;
};

}  // namespace

std::uint16_t zone_number(const std::string& zone) {
  if (zone.empty()) return 0;
  std::uint32_t hash = 0x811c9dc5U;  // FNV-1a
  for (const char c : zone) hash = (hash ^ static_cast<unsigned char>(c)) * 0x01000193U;
  const auto number = static_cast<std::uint16_t>(hash ^ hash >> 16);
  return number == 0 ? 1 : number;
}

DesiredService build_service(const Service& service,
                             const std::vector<const EndpointSlice*>& slices, const NodeView& node,
                             const Defaults& defaults) {
  return Builder(service, slices, node, defaults).build();
}

namespace {

// The addresses at which a hostPort is offered to packets, and at last the one for sockets, as in
// Cilium: at a loopback address it is for the node's own processes alone, at any of these.
std::vector<Frontend> host_port_frontends(const HostPort& host, bool v6, const NodeView& node,
                                          const Defaults& defaults) {
  std::vector<Frontend> frontends;
  const auto add = [&](const IpAddress& address, std::uint32_t flags) {
    Frontend frontend;
    frontend.address = address;
    frontend.port = host.port;
    frontend.protocol = host.protocol;
    frontend.flags = FRONTEND_HOST_PORT | flags;
    frontends.push_back(std::move(frontend));
  };
  for (const IpAddress& address : node.addresses) {
    if (address.v6 == v6 && (!host.address || *host.address == address))
      add(address, is_direct(defaults.forwarding, host.protocol) ? FRONTEND_DSR : 0U);
  }
  if (!host.address) {
    add(any_address(v6), 0);
  } else if (host.address->v6 == v6 && is_loopback(*host.address)) {
    add(any_address(v6), FRONTEND_LOOPBACK);
  }
  return frontends;
}

}  // namespace

DesiredService build_host_ports(const HostPortPod& pod, const NodeView& node,
                                const Defaults& defaults) {
  DesiredService result;
  if (node.name.empty() || pod.node_name != node.name) return result;
  result.name = host_port_name(pod.namespace_, pod.name);
  for (const HostPort& host : pod.ports) {
    for (const IpAddress& target : pod.addresses) {
      std::vector<Frontend> frontends = host_port_frontends(host, target.v6, node, defaults);
      if (frontends.empty()) continue;
      BackendSet set;
      set.port = std::to_string(host.port);
      set.protocol = host.protocol;
      set.v6 = target.v6;
      set.local_only = true;
      Backend backend;
      backend.address = target;
      backend.port = host.container;
      backend.state = pod.terminating ? BACKEND_TERMINATING : BACKEND_ACTIVE;
      backend.local = true;
      set.backends.push_back(backend);
      for (Frontend& frontend : frontends) {
        frontend.internal = result.sets.size();
        if (frontend.address != any_address(target.v6)) frontend.external = frontend.internal;
        result.frontends.push_back(std::move(frontend));
      }
      result.sets.push_back(std::move(set));
    }
  }
  return result;
}

}  // namespace policyc::service
