#include "cli/demo/topology.h"

#include <algorithm>

#include <unistd.h>

#include "compiler/support/check.h"

namespace policyc::demo {
namespace {

// The node as its pods see it. Every node side of a link has the same link-local address.
constexpr const char* kNodeAddress4 = "10.77.0.1";
constexpr const char* kNodeAddress6 = "fd77::1";
constexpr const char* kNodeLinkLocal = "fe80::1";

std::string prefix_of(const IpAddress& address) { return host_prefix(address).to_string(); }

// A host: its addresses on eth0, everything else through the node.
std::string host_commands(const Host& host, bool ipv6) {
  std::string commands = "link set lo up\nlink set eth0 addrgenmode none\n";
  for (const IpAddress& address : host.addresses) {
    if (!address.v6) commands += "addr add " + prefix_of(address) + " dev eth0\n";
    if (address.v6 && ipv6) commands += "addr add " + prefix_of(address) + " dev eth0 nodad\n";
  }
  commands += std::string("link set eth0 up\nroute add ") + kNodeAddress4 +
              "/32 dev eth0 scope link\n" + "route add default via " + kNodeAddress4 +
              " dev eth0 src " + host.address(false).to_string() + "\n";
  if (ipv6) {
    commands += std::string("route add default via ") + kNodeLinkLocal + " dev eth0 src " +
                host.address(true).to_string() + "\n";
  }
  return commands;
}

std::string node_side_commands(const Host& host, const std::string& interface,
                               const std::string& peer_namespace, bool ipv6) {
  std::string commands = "link add " + interface + " type veth peer name eth0 netns " +
                         peer_namespace + "\n" + "link set " + interface + " addrgenmode none\n";
  if (ipv6)
    commands += std::string("addr add ") + kNodeLinkLocal + "/64 dev " + interface + " nodad\n";
  commands += "link set " + interface + " up\n";
  for (const IpAddress& address : host.addresses) {
    if (!address.v6 || ipv6)
      commands += "route add " + prefix_of(address) + " dev " + interface + "\n";
  }
  return commands;
}

IpAddress constant_address(const char* text) {
  const auto address = parse_ip_address(text);
  POLICYC_CHECK(address.has_value());
  return *address;
}

}  // namespace

bool kernel_has_ipv6() { return ::access("/proc/sys/net/ipv6/conf/all/forwarding", F_OK) == 0; }

std::string run_name() { return std::string(kNamePrefix) + std::to_string(::getpid()); }

const IpAddress& Host::address(bool v6) const {
  const auto found = std::find_if(addresses.begin(), addresses.end(),
                                  [v6](const IpAddress& a) { return a.v6 == v6; });
  POLICYC_CHECK(found != addresses.end());
  return *found;
}

// Addresses that are kept for documentation (RFC 5737, RFC 3849): they are nobody's.
Host world_host() {
  return {std::string(kWorld),
          {constant_address("198.51.100.7"), constant_address("198.51.100.70"),
           constant_address("2001:db8:77::7"), constant_address("2001:db8:77:bad::7")}};
}

std::string Topology::interface_name(std::string_view pod) { return "lxc-" + std::string(pod); }

Result<void> Topology::configure_node() const {
  auto scope = NamespaceScope::enter(node_.fd());
  if (!scope) return std::unexpected(scope.error());
  if (auto set = set_sysctl("net/ipv4/ip_forward", "1"); !set) return set;
  if (has_ipv6_) {
    if (auto set = set_sysctl("net/ipv6/conf/all/forwarding", "1"); !set) return set;
  }
  std::string commands = std::string("link set lo up\naddr add ") + kNodeAddress4 + "/32 dev lo\n";
  if (has_ipv6_) commands += std::string("addr add ") + kNodeAddress6 + "/128 dev lo nodad\n";
  return node_.ip_batch(commands);
}

Result<void> Topology::add_host(const Host& host, const std::string& node_interface) {
  auto made = NetworkNamespace::create(run_name() + "-" + host.name);
  if (!made) return std::unexpected(made.error());
  namespaces_.push_back(std::move(*made));
  hosts_.push_back(host);
  const NetworkNamespace& pod = namespaces_.back();
  if (auto linked = node_.ip_batch(node_side_commands(host, node_interface, pod.name(), has_ipv6_));
      !linked)
    return linked;
  auto scope = NamespaceScope::enter(pod.fd());
  if (!scope) return std::unexpected(scope.error());
  // Lets this process open ICMP echo sockets.
  if (auto set = set_sysctl("net/ipv4/ping_group_range", "0 2147483647"); !set) return set;
  return pod.ip_batch(host_commands(host, has_ipv6_));
}

Result<Topology> Topology::create(const std::vector<Host>& pods) {
  auto node = NetworkNamespace::create(run_name() + "-node");
  if (!node) return std::unexpected(node.error());
  Topology topology(std::move(*node));
  topology.has_ipv6_ = kernel_has_ipv6();
  if (auto configured = topology.configure_node(); !configured)
    return std::unexpected(configured.error());
  for (const Host& pod : pods) {
    if (auto added = topology.add_host(pod, interface_name(pod.name)); !added)
      return std::unexpected(added.error());
  }
  if (auto added = topology.add_host(world_host(), "uplink"); !added)
    return std::unexpected(added.error());
  return topology;
}

const Host& Topology::host(std::string_view name) const {
  const auto found = std::find_if(hosts_.begin(), hosts_.end(),
                                  [&](const Host& host) { return host.name == name; });
  POLICYC_CHECK(found != hosts_.end());
  return *found;
}

int Topology::host_fd(std::string_view name) const {
  return namespaces_[static_cast<std::size_t>(&host(name) - hosts_.data())].fd();
}

}  // namespace policyc::demo
