#pragma once
// The network of a node as `policyc doctor network` looks at it: interfaces, where packets leave,
// sysctls, and the programs on hooks. Reading and judging (findings.h) are apart.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "compiler/support/result.h"

namespace policyc::network {

enum class HookPoint : std::uint8_t { Xdp, TcxIngress, TcxEgress, ClsactIngress, ClsactEgress };
[[nodiscard]] std::string_view hook_point_name(HookPoint point);  // "tcx ingress"

// A BPF program on a hook of an interface, or another tc filter, in the order in which they run.
struct HookProgram {
  HookPoint point = HookPoint::TcxIngress;
  std::uint32_t id = 0;  // of a filter that is no program: its preference
  std::string name;      // the kernel's, at most 15 characters
  bool ours = false;     // loaded by policyc on this node
  std::string filter{};  // "flower", "u32": no program; empty: one
  friend bool operator==(const HookProgram&, const HookProgram&) = default;
};

// A program at what the sockets of a cgroup do, in the order in which they run.
struct SocketHookProgram {
  std::string hook;  // "connect4"
  std::uint32_t id = 0;
  std::string name;
  bool ours = false;
  friend bool operator==(const SocketHookProgram&, const SocketHookProgram&) = default;
};

struct Link {
  std::uint32_t index = 0;
  std::string name;
  std::string kind;       // "veth", "vxlan", "bridge", ...; empty: a device
  std::uint32_t mtu = 0;  // bytes, without the link's header
  bool up = false;
  std::uint32_t master = 0;  // index of its bridge or bond; 0: none
  std::uint32_t lower = 0;   // index of what it lies on (vlan, a tunnel bound to a device); 0: none
  bool underlay_v6 = false;  // of a tunnel: its outer packets are IPv6
  // Of a veth: the MTU of its other end, wherever that is; nothing when it was not found.
  std::optional<std::uint32_t> peer_mtu{};
  int reverse_path = 0;      // rp_filter in force: the larger of its own and of `all`
  bool forwarding4 = false;  // net.ipv4.conf.<name>.forwarding
  bool forwarding6 = false;
  bool endpoint = false;  // runs our endpoint programs
  std::vector<HookProgram> programs{};
};

struct Network {
  std::vector<Link> links;
  std::vector<SocketHookProgram> sockets{};
  std::vector<std::uint32_t> uplinks;  // interfaces of default routes, each once
  bool ipv6 = true;                    // the kernel has IPv6 on
  std::vector<std::string>
      cni_configurations{};      // files in /etc/cni/net.d, sorted: the first one counts
  std::string first_cni_type{};  // `type` of its first plugin; empty: not known

  [[nodiscard]] const Link* find(std::uint32_t index) const;
};

// Where a node's network is described; tests have places of their own.
struct Places {
  std::string cni_directory = "/etc/cni/net.d";
  std::string cgroup{};  // whose sockets; empty: all of the node
};

// Of this network namespace. `our_programs`: ids of the programs that policyc has loaded. What
// cannot be read of a single interface is left out; an Error when the list of interfaces cannot be
// had. Needs root.
[[nodiscard]] Result<Network> read_network(const std::vector<std::uint32_t>& our_programs,
                                           const Places& places = {});

}  // namespace policyc::network
