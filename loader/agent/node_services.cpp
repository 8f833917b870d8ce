#include "loader/agent/node_services.h"

#include <utility>

#include "loader/agent/records.h"
#include "loader/endpoint/datapath.h"
#include "loader/service/names.h"
#include "loader/sockets/cut.h"

namespace policyc::agent {
namespace {

Result<void> configure(const Config& config, service::ServiceLoader& loader,
                       const service::Settings& settings) {
  if (auto set = loader.configure(settings); !set) return set;
  const auto node = maps::NodeMaps::open(config.paths.maps());
  return node ? endpoint::follow_services(*node, loader.maps()) : Result<void>{};
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

  [[nodiscard]] Result<void> programs_attached() override {
    if (!config_.socket_lb) return {};
    service::Settings settings = loader_.settings();
    settings.maglev_size = config_.maglev_size;
    settings.per_packet = false;
    return configure(config_, loader_, settings);
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
  if (auto recorded = write_record(config, kServicesRecord, "{}"); !recorded)
    return std::unexpected(recorded.error());
  auto loader = service::ServiceLoader::open(config.paths.maps(), config.paths.state / "services");
  if (!loader) return std::unexpected(loader.error());
  const auto by_sockets = config.socket_lb ? sockets_attached(config) : false;
  if (!by_sockets) return std::unexpected(by_sockets.error());
  service::Settings settings = loader->settings();
  settings.maglev_size = config.maglev_size;
  settings.per_packet = !*by_sockets;  // until they are attached
  if (auto set = configure(config, *loader, settings); !set) return std::unexpected(set.error());
  return std::make_unique<KernelServices>(config, std::move(*loader));
}

Result<void> forget_services(const Config& config) {
  if (config.services || !read_record(config, kServicesRecord)) return {};
  auto loader = service::ServiceLoader::open(config.paths.maps(), config.paths.state / "services");
  if (!loader) return std::unexpected(loader.error());
  if (const auto report = loader->apply({}); !report) return std::unexpected(report.error());
  if (auto written =
          service::write_names(config.paths.state / "services", loader->planner().sets());
      !written)
    return written;
  service::Settings settings = loader->settings();
  settings.per_packet = false;
  if (auto set = configure(config, *loader, settings); !set) return set;
  return remove_record(config, kServicesRecord);
}

nat::Dsr device_dsr(const Config& config) {
  if (config.forwarding == service::Forwarding::Snat) return nat::Dsr::Off;
  return config.dsr_ipip ? nat::Dsr::Ipip : nat::Dsr::Option;
}

}  // namespace policyc::agent
