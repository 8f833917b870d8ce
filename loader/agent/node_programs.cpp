#include <cstdint>
#include <filesystem>
#include <set>
#include <vector>

#include <nlohmann/json.hpp>

#include "compiler/backend/backend.h"
#include "compiler/support/sha256.h"
#include "loader/agent/node_services.h"
#include "loader/agent/records.h"
#include "loader/bpf/bpffs.h"
#include "loader/bpf/info.h"
#include "loader/maps/header.h"
#include "loader/nat/devices.h"
#include "loader/nat/tables.h"
#include "loader/sockets/cgroup.h"
#include "loader/sockets/sockets.h"

namespace policyc::agent {
namespace {

using Json = nlohmann::ordered_json;

// What programs that are attached read: the kernel's number of a map that stays as long as the
// others.
Result<std::uint32_t> maps_of(const Config& config) {
  const auto header = bpf::open_pinned(config.paths.maps() / maps::kHeaderName);
  if (!header) return std::unexpected(header.error());
  const auto info = bpf::map_info(header->get());
  if (!info) return std::unexpected(info.error());
  return info->id;
}

bool all_attached(const std::vector<sockets::ProgramStatus>& programs, std::uint64_t cgroup) {
  if (programs.empty()) return false;
  for (const sockets::ProgramStatus& program : programs) {
    if (program.program_id == 0 || program.cgroup_id != cgroup) return false;
  }
  return true;
}

Result<std::filesystem::path> cgroup_of(const Config& config) {
  if (!config.cgroup.empty()) return config.cgroup;
  return sockets::root_cgroup();
}

Result<bool> are_attached(const Config& config, std::uint64_t cgroup) {
  const auto present = sockets::status(config.paths.bpffs);
  if (!present) return std::unexpected(present.error());
  return all_attached(*present, cgroup);
}

Result<void> attach_sockets(const Config& config) {
  const auto path = cgroup_of(config);
  if (!path) return std::unexpected(path.error());
  const auto cgroup = sockets::open_cgroup(*path);
  if (!cgroup) return std::unexpected(cgroup.error());
  const auto attached = are_attached(config, cgroup->id);
  if (!attached) return std::unexpected(attached.error());
  const auto maps = maps_of(config);
  if (!maps) return std::unexpected(maps.error());
  const std::string wanted = Json{
      {"cgroup", cgroup->id},
      {"programs", sha256_hex(backend::socket_object())},
      {"maps", *maps}}.dump();
  if (*attached && read_record(config, kSocketsRecord) == wanted) return {};
  // A process that is killed in between attached what the next one knows of.
  if (auto begun = write_record(config, kSocketsRecord, "{}"); !begun) return begun;
  if (auto done = sockets::attach(config.paths.bpffs, *path); !done) return done;
  return write_record(config, kSocketsRecord, wanted);
}

Result<void> detach_sockets(const Config& config) {
  if (!read_record(config, kSocketsRecord)) return {};
  if (auto detached = sockets::detach(config.paths.bpffs); !detached) return detached;
  return remove_record(config, kSocketsRecord);
}

// Indices of devices' interfaces.
using Devices = std::set<std::uint32_t>;

// Those that a record tells of; none of what is no record.
Devices devices_of(const std::string& record) {
  Devices devices;
  const Json json = Json::parse(record, nullptr, false);
  if (!json.is_object() || !json.contains("devices")) return devices;
  for (const Json& device : json["devices"]) {
    if (device.is_array() && !device.empty() && device[0].is_number_unsigned())
      devices.insert(device[0].get<std::uint32_t>());
  }
  return devices;
}

// Those that agents before attached, also one that was killed while it did.
Devices attached_devices(const Config& config) {
  const auto record = read_record(config, kDevicesRecord);
  return record ? devices_of(*record) : Devices();
}

// Before any is touched: a record of all that are, or will be, and of nothing else.
Result<void> begin_devices(const Config& config, const Devices& before, const Devices& wanted) {
  Json devices = Json::array();
  for (const Devices* some : {&before, &wanted}) {
    for (const std::uint32_t index : *some) devices.push_back(Json::array({index}));
  }
  return write_record(config, kDevicesRecord, Json{{"devices", devices}}.dump());
}

// What somebody attached by hand stays.
Result<void> detach_devices(const Config& config, const Devices& before, const Devices& wanted) {
  for (const std::uint32_t index : before) {
    if (wanted.contains(index)) continue;
    if (auto detached = nat::detach_device(config.paths, index); !detached) return detached;
  }
  return {};
}

// Somebody may have taken them off.
Result<bool> are_attached(const Config& config, const Devices& devices) {
  for (const std::uint32_t index : devices) {
    const auto attached = nat::is_attached(config.paths, index);
    if (!attached || !*attached) return attached;
  }
  return true;
}

Result<void> attach_devices(const Config& config) {
  if (config.devices.empty()) {
    if (auto detached = detach_devices(config, attached_devices(config), {}); !detached)
      return detached;
    return remove_record(config, kDevicesRecord);
  }
  const auto services = maps::ServiceMaps::open_or_create(config.paths.maps(), {});
  if (!services) return std::unexpected(services.error());
  const auto node = maps::NodeMaps::open_or_create(config.paths.maps(), config.sizes);
  if (!node) return std::unexpected(node.error());
  const auto maps = maps_of(config);
  if (!maps) return std::unexpected(maps.error());
  Json wanted = {{"programs", sha256_hex(backend::device_object())},
                 {"maps", *maps},
                 {"attach", config.hook},
                 {"devices", Json::array()}};
  std::vector<nat::DeviceConfig> devices;
  Devices indices;
  for (const std::string& name : config.devices) {
    auto device = nat::config_of_interface(name);
    if (!device) return fail("devices: " + name + ": " + device.error().message);
    device->masquerade = config.masquerade;
    device->dsr = device_dsr(config);
    const auto text = [](const std::optional<IpAddress>& address) {
      return address ? address->to_string() : std::string();
    };
    wanted["devices"].push_back({device->interface_index, text(device->ipv4), text(device->ipv6),
                                 config.masquerade, device->dsr});
    devices.push_back(*device);
    indices.insert(device->interface_index);
  }
  const auto present = are_attached(config, indices);
  if (!present) return std::unexpected(present.error());
  if (!*present || read_record(config, kDevicesRecord) != wanted.dump()) {
    const Devices before = attached_devices(config);
    if (auto begun = begin_devices(config, before, indices); !begun) return begun;
    if (auto detached = detach_devices(config, before, indices); !detached) return detached;
    for (const nat::DeviceConfig& device : devices) {
      if (auto attached = nat::attach_device(config.paths, *node, device, config.hook); !attached)
        return attached;
    }
    if (auto recorded = write_record(config, kDevicesRecord, wanted.dump()); !recorded)
      return recorded;
  }
  const auto tables = nat::Tables::open(config.paths.maps());
  if (!tables) return std::unexpected(tables.error());
  return nat::set_exclusions(*tables, config.masquerade_exclusions);
}

}  // namespace

Result<bool> sockets_attached(const Config& config) {
  const auto path = cgroup_of(config);
  if (!path) return std::unexpected(path.error());
  const auto cgroup = sockets::open_cgroup(*path);
  if (!cgroup) return std::unexpected(cgroup.error());
  return are_attached(config, cgroup->id);
}

Result<void> attach_node_programs(const Config& config) {
  if (auto attached = attach_devices(config); !attached) return attached;
  return config.services && config.socket_lb ? attach_sockets(config) : detach_sockets(config);
}

}  // namespace policyc::agent
