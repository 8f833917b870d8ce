#pragma once
// The demo's little cluster: a network namespace for the node, one for each pod, and one for the
// world outside, all joined through the node. Nothing of it is visible in the namespace that the
// demo was started in.
//
//   frontend eth0 --- lxc-frontend \            the loader attaches to the lxc- interfaces
//   api      eth0 --- lxc-api       > node      the node forwards
//   other    eth0 --- lxc-other    /  |
//   world    eth0 --- uplink ---------+         no policy on this one

#include <string>
#include <string_view>
#include <vector>

#include "cli/demo/netns.h"
#include "compiler/support/ip.h"
#include "compiler/support/result.h"

namespace policyc::demo {

inline constexpr std::string_view kNamePrefix = "policyc-demo-";
inline constexpr std::string_view kWorld = "world";

// "policyc-demo-<pid>": the prefix of every name that outlives a killed process.
[[nodiscard]] std::string run_name();

struct Host {
  std::string name;                  // "frontend"
  std::vector<IpAddress> addresses;  // at least one of each family

  [[nodiscard]] const IpAddress& address(bool v6) const;
};

// Hosts of the world: two addresses, one inside the part that a CIDR policy of the demo excepts.
[[nodiscard]] Host world_host();

class Topology {
 public:
  // Makes the namespaces and links; without IPv6 in the kernel the hosts have only their IPv4
  // addresses.
  [[nodiscard]] static Result<Topology> create(const std::vector<Host>& pods);

  [[nodiscard]] int node_fd() const { return node_.fd(); }
  // The namespace of a pod or of the world.
  [[nodiscard]] int host_fd(std::string_view name) const;
  [[nodiscard]] const std::vector<Host>& hosts() const { return hosts_; }  // pods, then the world
  [[nodiscard]] const Host& host(std::string_view name) const;
  // The node's side of a pod's link: "lxc-frontend".
  [[nodiscard]] static std::string interface_name(std::string_view pod);
  [[nodiscard]] bool has_ipv6() const { return has_ipv6_; }

 private:
  explicit Topology(NetworkNamespace node) : node_(std::move(node)) {}
  [[nodiscard]] Result<void> configure_node() const;
  [[nodiscard]] Result<void> add_host(const Host& host, const std::string& node_interface);

  NetworkNamespace node_;
  std::vector<NetworkNamespace> namespaces_;  // of hosts_, by position
  std::vector<Host> hosts_;
  bool has_ipv6_ = false;
};

[[nodiscard]] bool kernel_has_ipv6();

}  // namespace policyc::demo
