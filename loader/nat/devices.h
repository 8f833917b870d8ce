#pragma once
// The programs of a node's devices: loaded once for the node, attached to each native device.
//
//   <bpffs>/maps/<map>                              shared with the endpoints' programs and
//   loader/service <bpffs>/devices/programs/<version>/<program>    from_device, to_device,
//   nat_collect <bpffs>/devices/<interface index>/<program>     links

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "compiler/support/ip.h"
#include "compiler/support/result.h"
#include "loader/attach/attach.h"
#include "loader/endpoint/paths.h"
#include "loader/maps/node_maps.h"
#include "loader/nat/tables.h"

namespace policyc::nat {

// Direct server return: endpoints answer in the name of frontends that other nodes' packets bring
// along, in either way. The way is how this node tells others (Cilium's dsrDispatch); with Off by
// option too, for frontends that want it.
enum class Dsr : std::uint8_t { Off, Option, Ipip };

// What a device is to do.
struct DeviceConfig {
  std::uint32_t interface_index = 0;
  std::optional<IpAddress> ipv4;  // sources that are given on it
  std::optional<IpAddress> ipv6;
  bool masquerade = false;  // of endpoints towards the outside, in families that have an address
  Dsr dsr = Dsr::Off;
  std::uint16_t port_first = NAT_PORT_FIRST;
  std::uint16_t port_last = NAT_PORT_LAST;
  std::array<std::uint8_t, 6> mac{};  // its own; XDP takes no other frames
};

// Where XDP runs: in the driver, or in the kernel's generic receive path.
enum class XdpMode : std::uint8_t { Native, Generic };

// The device's first global address of each family, as the kernel has them now. An Error for a
// device without Ethernet header, such as a tunnel.
[[nodiscard]] Result<DeviceConfig> config_of_interface(const std::string& name);

// Loads the programs if this version is not there, writes the device's configuration and attaches;
// what was attached is replaced in one step. Needs root, and the node's maps. `table_entries`: of
// nat4 and nat6 each, two a connection, when they are made; tables that are there keep their size.
[[nodiscard]] Result<void> attach_device(const endpoint::Paths& paths, const maps::NodeMaps& maps,
                                         const DeviceConfig& config,
                                         attach::HookChoice choice = attach::HookChoice::Auto,
                                         std::optional<std::uint32_t> table_entries = {});

// Attaches the program of XDP to a device that attach_device() was called for. It needs from_device
// behind it. An Error when the driver has no XDP (Native), or somebody else's program is there.
[[nodiscard]] Result<void> attach_xdp(const endpoint::Paths& paths, const maps::NodeMaps& maps,
                                      std::uint32_t interface_index, XdpMode mode);
// Fine when it is not attached.
[[nodiscard]] Result<void> detach_xdp(const endpoint::Paths& paths, std::uint32_t interface_index);

// Also XDP's. Fine when it was not attached or is gone. Connections that are translated stay in the
// tables.
[[nodiscard]] Result<void> detach_device(const endpoint::Paths& paths,
                                         std::uint32_t interface_index);

// Whether both programs are attached, by either kind of hook, and know the device.
[[nodiscard]] Result<bool> is_attached(const endpoint::Paths& paths, std::uint32_t interface_index);

// detach_device() of all devices that are attached, also those that are left when one fails.
// Returns how many.
[[nodiscard]] Result<std::size_t> detach_all(const endpoint::Paths& paths);

// Destinations that see endpoints' own addresses (Cilium: native routing and ip-masq-agent CIDRs);
// replaces those that are there.
[[nodiscard]] Result<void> set_exclusions(const Tables& tables,
                                          const std::vector<IpPrefix>& prefixes);

}  // namespace policyc::nat
