#include "loader/agent/node_services.h"

#include <utility>

#include <nlohmann/json.hpp>

#include "compiler/backend/backend.h"
#include "compiler/support/sha256.h"
#include "loader/agent/links.h"
#include "loader/bpf/bpffs.h"
#include "loader/bpf/info.h"
#include "loader/endpoint/datapath.h"
#include "loader/endpoint/files.h"
#include "loader/maps/header.h"
#include "loader/nat/devices.h"
#include "loader/nat/tables.h"
#include "loader/service/names.h"
#include "loader/sockets/cgroup.h"
#include "loader/sockets/cut.h"
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

// What an agent before this one attached, in <state>/agent/<name>: attaching the same again would
// replace programs for nothing.
bool is_recorded(const Config& config, const char* name, const std::string& text) {
  const auto known = endpoint::read_file(config.paths.state / "agent" / name);
  return known && *known && **known == text;
}

Result<void> record(const Config& config, const char* name, const std::string& text) {
  const auto folder = config.paths.state / "agent";
  if (auto made = endpoint::make_directory(folder); !made) return made;
  return endpoint::write_file(folder / name, text, endpoint::Flush::No);
}

bool all_attached(const std::vector<sockets::ProgramStatus>& programs, std::uint64_t cgroup) {
  if (programs.empty()) return false;
  for (const sockets::ProgramStatus& program : programs) {
    if (program.program_id == 0 || program.cgroup_id != cgroup) return false;
  }
  return true;
}

Result<void> attach_sockets(const Config& config) {
  const auto path =
      config.cgroup.empty() ? sockets::root_cgroup() : Result<std::filesystem::path>(config.cgroup);
  if (!path) return std::unexpected(path.error());
  const auto cgroup = sockets::open_cgroup(*path);
  if (!cgroup) return std::unexpected(cgroup.error());
  const auto present = sockets::status(config.paths.bpffs);
  if (!present) return std::unexpected(present.error());
  const auto maps = maps_of(config);
  if (!maps) return std::unexpected(maps.error());
  const std::string wanted = Json{
      {"cgroup", cgroup->id},
      {"programs", sha256_hex(backend::socket_object())},
      {"maps", *maps}}.dump();
  if (all_attached(*present, cgroup->id) && is_recorded(config, "sockets.json", wanted)) return {};
  if (auto attached = sockets::attach(config.paths.bpffs, *path); !attached) return attached;
  return record(config, "sockets.json", wanted);
}

Result<void> attach_devices(const Config& config) {
  if (config.devices.empty()) return {};
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
  }
  if (!is_recorded(config, "devices.json", wanted.dump())) {
    for (const nat::DeviceConfig& device : devices) {
      if (auto attached = nat::attach_device(config.paths, *node, device, config.hook); !attached)
        return attached;
    }
    if (auto recorded = record(config, "devices.json", wanted.dump()); !recorded) return recorded;
  }
  const auto tables = nat::Tables::open(config.paths.maps());
  if (!tables) return std::unexpected(tables.error());
  return nat::set_exclusions(*tables, config.masquerade_exclusions);
}

class KernelServices : public NodeServices {
 public:
  KernelServices(Config config, service::ServiceLoader loader)
      : config_(std::move(config)), loader_(std::move(loader)) {}

  [[nodiscard]] Result<ServiceChange> apply(const DesiredServices& all) override {
    std::vector<service::DesiredService> services;
    services.reserve(all.size());
    for (const auto& [name, service] : all) services.push_back(service);
    const auto report = loader_.apply(services);
    if (!report) return std::unexpected(report.error());
    ServiceChange change;
    take(*report, change);
    return finish(*report, std::move(change));
  }

  [[nodiscard]] Result<ServiceChange> change(const DesiredServices& all,
                                             const std::set<std::string>& changed) override {
    ServiceChange change;
    service::ChangeReport last;
    std::vector<service::GoneBackend> gone;
    for (const std::string& name : changed) {
      const auto wanted = all.find(name);
      auto report = wanted == all.end() ? loader_.remove(name) : loader_.upsert(wanted->second);
      if (!report) return std::unexpected(report.error());
      take(*report, change);
      gone.insert(gone.end(), report->gone.begin(), report->gone.end());
      last = std::move(*report);
    }
    last.gone = std::move(gone);
    return finish(last, std::move(change));
  }

 private:
  static void take(const service::ChangeReport& report, ServiceChange& change) {
    change.writes += report.writes;
  }

  // Names for lists, and the sockets of backends that are gone.
  Result<ServiceChange> finish(const service::ChangeReport& report, ServiceChange change) {
    for (const service::Conflict& conflict : report.conflicts) {
      change.conflicts.push_back(conflict.frontend.address.to_string() + " port " +
                                 std::to_string(conflict.frontend.port) + " of " +
                                 conflict.refused + " is taken by " + conflict.owner);
    }
    if (change.writes != 0) {
      auto written =
          service::write_names(config_.paths.state / "services", loader_.planner().sets());
      if (!written) return std::unexpected(written.error());
    }
    if (!config_.socket_lb || report.gone.empty()) return change;
    std::vector<sockets::RemovedBackend> removed;
    for (const service::GoneBackend& backend : report.gone)
      removed.push_back({backend.number, backend.generation});
    const auto cut = sockets::cut_sockets(config_.paths.bpffs, removed);
    if (!cut) return std::unexpected(cut.error());
    change.sockets_cut = *cut;
    return change;
  }

  Config config_;
  service::ServiceLoader loader_;
};

}  // namespace

Result<std::unique_ptr<NodeServices>> open_services(const Config& config) {
  auto loader = service::ServiceLoader::open(config.paths.maps(), config.paths.state / "services");
  if (!loader) return std::unexpected(loader.error());
  service::Settings settings = loader->settings();
  settings.maglev_size = config.maglev_size;
  settings.per_packet = !config.socket_lb;
  if (auto set = loader->configure(settings); !set) return std::unexpected(set.error());
  if (const auto node = maps::NodeMaps::open(config.paths.maps())) {
    if (auto told = endpoint::follow_services(*node, loader->maps()); !told)
      return std::unexpected(told.error());
  }
  return std::make_unique<KernelServices>(config, std::move(*loader));
}

nat::Dsr device_dsr(const Config& config) {
  if (config.forwarding == service::Forwarding::Snat) return nat::Dsr::Off;
  return config.dsr_ipip ? nat::Dsr::Ipip : nat::Dsr::Option;
}

Result<void> attach_node_programs(const Config& config) {
  if (auto attached = attach_devices(config); !attached) return attached;
  return config.services && config.socket_lb ? attach_sockets(config) : Result<void>{};
}

}  // namespace policyc::agent
