#include "loader/nat/devices.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <set>

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <ifaddrs.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "compiler/backend/backend.h"
#include "loader/bpf/bpffs.h"
#include "loader/bpf/log.h"
#include "loader/nat/programs.h"

namespace policyc::nat {
namespace {

namespace fs = std::filesystem;

constexpr const char* kXdpProgram = "xdp_device";

fs::path device_folder(const endpoint::Paths& paths, std::uint32_t interface_index) {
  return paths.devices() / std::to_string(interface_index);
}

attach::Hook hook_of(const endpoint::Paths& paths, std::uint32_t interface_index, attach::Side side,
                     attach::HookKind kind) {
  const char* name = side == attach::Side::FromEndpoint ? "from_device" : "to_device";
  return {interface_index, side, kind, device_folder(paths, interface_index) / name, name};
}

Result<void> attach_one(const endpoint::Paths& paths, const fs::path& programs,
                        std::uint32_t interface_index, attach::Side side, attach::HookKind kind) {
  const attach::Hook hook = hook_of(paths, interface_index, side, kind);
  const auto program = bpf::open_pinned(programs / hook.link_pin.filename());
  if (!program) return std::unexpected(program.error());
  return attach::attach(hook, program->get());
}

// DEVICE_HAS_EXCLUSIONS4, DEVICE_HAS_EXCLUSIONS6
Result<std::uint32_t> exclusion_flags(const Tables& tables) {
  nat_exclusion4_key first4{};
  nat_exclusion6_key first6{};
  const auto any4 = tables.exclusions4.handle().next_key_raw(nullptr, &first4);
  if (!any4) return std::unexpected(any4.error());
  const auto any6 = tables.exclusions6.handle().next_key_raw(nullptr, &first6);
  if (!any6) return std::unexpected(any6.error());
  return (*any4 ? DEVICE_HAS_EXCLUSIONS4 : 0U) | (*any6 ? DEVICE_HAS_EXCLUSIONS6 : 0U);
}

device_value value_of(const DeviceConfig& config, std::uint32_t exclusions) {
  device_value value{};
  value.flags = DEVICE_SERVICES | exclusions;
  if (config.dsr != Dsr::Off) value.flags |= DEVICE_DSR;
  if (config.dsr == Dsr::Ipip) value.flags |= DEVICE_DSR_IPIP;
  if (config.ipv4) {
    std::memcpy(&value.ipv4, config.ipv4->bytes.data(), sizeof value.ipv4);
    if (config.masquerade) value.flags |= DEVICE_MASQUERADE4;
  }
  if (config.ipv6) {
    std::memcpy(value.ipv6, config.ipv6->bytes.data(), sizeof value.ipv6);
    if (config.masquerade) value.flags |= DEVICE_MASQUERADE6;
  }
  value.port_first = config.port_first;
  value.port_last = config.port_last;
  std::copy(config.mac.begin(), config.mac.end(), value.mac);
  return value;
}

// The programs read an Ethernet header.
Result<void> check_ethernet(const std::string& name) {
  const bpf::Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  name.copy(request.ifr_name, IFNAMSIZ - 1);
  if (!socket.valid() || ::ioctl(socket.get(), SIOCGIFHWADDR, &request) != 0)
    return bpf::fail_errno("read the link type of " + name, errno);
  const auto type = request.ifr_hwaddr.sa_family;
  if (type == ARPHRD_ETHER || type == ARPHRD_LOOPBACK) return {};
  return fail(name + " has no Ethernet header (link type " + std::to_string(type) +
              "): its packets cannot be translated");
}

// Not link-local ones, which no other network can answer.
std::optional<IpAddress> global_address(const sockaddr* address) {
  IpAddress result;
  if (address == nullptr) return std::nullopt;
  if (address->sa_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, address, sizeof v4);
    std::memcpy(result.bytes.data(), &v4.sin_addr, sizeof v4.sin_addr);
    return result;
  }
  if (address->sa_family != AF_INET6) return std::nullopt;
  sockaddr_in6 v6{};
  std::memcpy(&v6, address, sizeof v6);
  if (IN6_IS_ADDR_LINKLOCAL(&v6.sin6_addr)) return std::nullopt;
  result.v6 = true;
  std::memcpy(result.bytes.data(), &v6.sin6_addr, sizeof v6.sin6_addr);
  return result;
}

}  // namespace

Result<DeviceConfig> config_of_interface(const std::string& name) {
  DeviceConfig config;
  config.interface_index = ::if_nametoindex(name.c_str());
  if (config.interface_index == 0) return bpf::fail_errno("find interface " + name, errno);
  if (auto checked = check_ethernet(name); !checked) return std::unexpected(checked.error());
  ifaddrs* all = nullptr;
  if (::getifaddrs(&all) != 0) return bpf::fail_errno("read the addresses of " + name, errno);
  for (const ifaddrs* one = all; one != nullptr; one = one->ifa_next) {
    if (name != one->ifa_name) continue;
    if (one->ifa_addr != nullptr && one->ifa_addr->sa_family == AF_PACKET) {
      sockaddr_ll link{};
      std::memcpy(&link, one->ifa_addr, sizeof link);
      std::copy_n(link.sll_addr, config.mac.size(), config.mac.begin());
      continue;
    }
    const auto address = global_address(one->ifa_addr);
    if (!address) continue;
    auto& place = address->v6 ? config.ipv6 : config.ipv4;
    if (!place) place = address;
  }
  ::freeifaddrs(all);
  return config;
}

Result<void> attach_xdp(const endpoint::Paths& paths, const maps::NodeMaps& maps,
                        std::uint32_t interface_index, XdpMode mode) {
  const auto programs = ensure_programs(paths, maps, backend::xdp_object());
  if (!programs) return std::unexpected(programs.error());
  const auto program = bpf::open_pinned(*programs / kXdpProgram);
  if (!program) return std::unexpected(program.error());
  const fs::path pin = device_folder(paths, interface_index) / kXdpProgram;
  if (bpf::exists(pin)) {
    const auto link = bpf::open_pinned(pin);
    if (!link) return std::unexpected(link.error());
    if (bpf_link_update(link->get(), program->get(), nullptr) == 0) return {};
    // Its interface is gone.
    if (auto removed = bpf::unpin(pin); !removed) return removed;
  }
  if (auto made = bpf::ensure_directory(device_folder(paths, interface_index)); !made) return made;
  LIBBPF_OPTS(bpf_link_create_opts, options);
  options.flags = mode == XdpMode::Native ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE;
  const bpf::Fd link(
      bpf_link_create(program->get(), static_cast<int>(interface_index), BPF_XDP, &options));
  if (!link.valid())
    return bpf::fail_errno("attach to XDP of interface " + std::to_string(interface_index), errno);
  return bpf::pin(link.get(), pin);
}

Result<void> detach_xdp(const endpoint::Paths& paths, std::uint32_t interface_index) {
  const fs::path pin = device_folder(paths, interface_index) / kXdpProgram;
  if (!bpf::exists(pin)) return {};
  const auto link = bpf::open_pinned(pin);
  if (!link) return std::unexpected(link.error());
  // At once, whoever else holds the link; of an interface that is gone there is nothing to detach.
  static_cast<void>(bpf_link_detach(link->get()));
  return bpf::unpin(pin);
}

Result<void> attach_device(const endpoint::Paths& paths, const maps::NodeMaps& maps,
                           const DeviceConfig& config, attach::HookChoice choice,
                           std::optional<std::uint32_t> table_entries) {
  if (config.port_first == 0 || config.port_first > config.port_last)
    return fail("the source ports of a device need a first and a last one, in order");
  const auto kind = attach::choose_hook(choice);
  if (!kind) return std::unexpected(kind.error());
  const auto programs = ensure_programs(paths, maps, backend::device_object(), table_entries);
  if (!programs) return std::unexpected(programs.error());
  const auto tables = Tables::open(paths.maps());
  if (!tables) return std::unexpected(tables.error());
  const auto exclusions = exclusion_flags(*tables);
  if (!exclusions) return std::unexpected(exclusions.error());
  if (auto written = tables->devices.update(config.interface_index, value_of(config, *exclusions));
      !written)
    return written;
  if (auto made = bpf::ensure_directory(device_folder(paths, config.interface_index)); !made)
    return made;
  // What goes out first: a connection that comes in must find its way back translated.
  for (const attach::Side side : {attach::Side::ToEndpoint, attach::Side::FromEndpoint}) {
    if (auto done = attach_one(paths, *programs, config.interface_index, side, *kind); !done)
      return done;
  }
  // They pass on what the new ones have done with.
  const auto other = attach::other_kind(*kind);
  for (const attach::Side side : attach::kSides) {
    if (auto done = attach::detach(hook_of(paths, config.interface_index, side, other)); !done)
      return done;
  }
  // What runs before them reads the same maps.
  if (bpf::exists(device_folder(paths, config.interface_index) / kXdpProgram)) {
    if (auto done = attach_xdp(paths, maps, config.interface_index, XdpMode::Native); !done)
      return done;
  }
  return forget_other_builds(paths);
}

Result<bool> is_attached(const endpoint::Paths& paths, std::uint32_t interface_index) {
  const auto tables = Tables::open(paths.maps());
  if (!tables) return false;  // nothing was ever attached
  const auto known = tables->devices.lookup(interface_index);
  if (!known) return std::unexpected(known.error());
  if (!*known) return false;
  for (const attach::Side side : attach::kSides) {
    bool attached = false;
    for (const attach::HookKind kind : {attach::HookKind::Tcx, attach::HookKind::Clsact}) {
      const auto program = attach::attached_program(hook_of(paths, interface_index, side, kind));
      if (!program) return std::unexpected(program.error());
      attached = attached || *program;
    }
    if (!attached) return false;
  }
  return true;
}

Result<void> detach_device(const endpoint::Paths& paths, std::uint32_t interface_index) {
  if (auto done = detach_xdp(paths, interface_index); !done) return done;
  for (const attach::Side side : attach::kSides) {
    for (const attach::HookKind kind : {attach::HookKind::Tcx, attach::HookKind::Clsact}) {
      if (auto done = attach::detach(hook_of(paths, interface_index, side, kind)); !done)
        return done;
    }
  }
  if (auto removed = bpf::remove_tree(device_folder(paths, interface_index)); !removed)
    return removed;
  const auto tables = Tables::open(paths.maps());
  if (!tables) return {};  // nothing was ever attached
  const auto erased = tables->devices.erase(interface_index);
  if (!erased) return std::unexpected(erased.error());
  return {};
}

namespace {

template <class Key>
Result<void> replace_exclusions(const bpf::Map<Key, std::uint8_t>& map,
                                const std::vector<Key>& wanted) {
  for (const Key& key : wanted) {
    if (auto written = map.update(key, 1); !written) return written;
  }
  const auto present = map.entries();
  if (!present) return std::unexpected(present.error());
  for (const auto& [key, value] : *present) {
    const bool keep = std::any_of(wanted.begin(), wanted.end(), [&key = key](const Key& one) {
      return std::memcmp(&one, &key, sizeof key) == 0;
    });
    if (keep) continue;
    if (auto erased = map.erase(key); !erased) return std::unexpected(erased.error());
  }
  return {};
}

// The devices that have a folder or a configuration: a process that died may have left one alone.
std::set<std::uint32_t> attached_devices(const endpoint::Paths& paths) {
  std::set<std::uint32_t> indices;
  for (const std::string& name : bpf::list(paths.devices())) {
    std::uint32_t index = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), index);
    if (error == std::errc{} && end == name.data() + name.size()) indices.insert(index);
  }
  if (const auto tables = Tables::open(paths.maps())) {
    if (const auto entries = tables->devices.entries()) {
      for (const auto& [index, value] : *entries) indices.insert(index);
    }
  }
  return indices;
}

}  // namespace

Result<std::size_t> detach_all(const endpoint::Paths& paths) {
  std::size_t count = 0;
  Result<void> done;
  for (const std::uint32_t index : attached_devices(paths)) {
    const auto detached = detach_device(paths, index);
    if (detached) {
      ++count;
    } else if (done) {
      done = detached;
    }
  }
  if (!done) return std::unexpected(done.error());
  return count;
}

Result<void> set_exclusions(const Tables& tables, const std::vector<IpPrefix>& prefixes) {
  std::vector<nat_exclusion4_key> v4;
  std::vector<nat_exclusion6_key> v6;
  for (const IpPrefix& prefix : prefixes) {
    const auto length = static_cast<std::uint32_t>(prefix.length);
    if (prefix.address.v6) {
      nat_exclusion6_key key{.prefix_length = length, .address = {}};
      std::memcpy(key.address, prefix.address.bytes.data(), sizeof key.address);
      v6.push_back(key);
    } else {
      nat_exclusion4_key key{.prefix_length = length, .address = 0};
      std::memcpy(&key.address, prefix.address.bytes.data(), sizeof key.address);
      v4.push_back(key);
    }
  }
  if (auto done = replace_exclusions(tables.exclusions4, v4); !done) return done;
  if (auto done = replace_exclusions(tables.exclusions6, v6); !done) return done;
  // Devices ask tries that hold something alone.
  const auto flags = exclusion_flags(tables);
  if (!flags) return std::unexpected(flags.error());
  const auto devices = tables.devices.entries();
  if (!devices) return std::unexpected(devices.error());
  for (auto [index, value] : *devices) {
    value.flags &= ~(DEVICE_HAS_EXCLUSIONS4 | DEVICE_HAS_EXCLUSIONS6);
    value.flags |= *flags;
    if (auto written = tables.devices.update(index, value); !written) return written;
  }
  return {};
}

}  // namespace policyc::nat
