#include "loader/service/loader.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <map>
#include <set>

#include "loader/endpoint/files.h"
#include "loader/endpoint/grace.h"
#include "loader/service/kernel.h"
#include "loader/service/local_backends.h"
#include "loader/service/maglev.h"
#include "loader/service/names.h"

namespace policyc::service {
namespace {

service_config_value config_value(const Settings& settings) {
  service_config_value value{};
  value.flags = (settings.per_packet ? SERVICE_PER_PACKET : 0U) |
                (settings.drop_without_backend ? SERVICE_NO_BACKEND_DROP : 0U);
  value.maglev_size = settings.maglev_size;
  std::memcpy(&value.loopback4, settings.loopback4.bytes.data(), sizeof value.loopback4);
  std::ranges::copy(settings.loopback6.bytes, value.loopback6);
  value.seed = settings.hash_seed;
  return value;
}

ChangeReport count(std::span<const Write> writes) {
  ChangeReport report;
  report.writes = writes.size();
  for (const Write& write : writes) {
    report.frontends += std::holds_alternative<PutFrontend>(write) ? 1U : 0U;
    report.frontends_removed += std::holds_alternative<EraseFrontend>(write) ? 1U : 0U;
    report.services += std::holds_alternative<PutService>(write) ? 1U : 0U;
    report.slots += std::holds_alternative<PutSlot>(write) ? 1U : 0U;
    report.backends += std::holds_alternative<PutBackend>(write) ? 1U : 0U;
    report.tables += std::holds_alternative<PutMaglev>(write) ? 1U : 0U;
    const auto* backend = std::get_if<PutBackend>(&write);
    if (backend != nullptr && backend->value.state == BACKEND_FREE)
      report.gone.push_back({backend->number, backend->value.generation});
  }
  return report;
}

}  // namespace

Result<ServiceLoader> ServiceLoader::open(const std::filesystem::path& directory,
                                          const std::filesystem::path& state,
                                          const maps::ServiceMapSizes& sizes) {
  if (auto made = endpoint::make_directory(state); !made) return std::unexpected(made.error());
  auto lock = endpoint::lock_directory(state);
  if (!lock) return std::unexpected(lock.error());
  auto maps = maps::ServiceMaps::open_or_create(directory, sizes);
  if (!maps) return std::unexpected(maps.error());
  ServiceLoader loader(std::move(*maps), std::move(*lock), state);
  if (auto restored = loader.restore(); !restored) return std::unexpected(restored.error());
  if (loader.planner_->config().maglev_size == 0) {
    if (auto set = loader.configure(Settings{}); !set) return std::unexpected(set.error());
  }
  return loader;
}

// From the maps: everything that no entry names is free once no program runs that began before.
Result<void> ServiceLoader::restore() {
  auto snapshot = read_snapshot(maps_);
  if (!snapshot) return std::unexpected(snapshot.error());
  snapshot->weights = read_weights(state_);
  if (snapshot->config.maglev_size != 0) endpoint::wait_for_running_programs();
  if (auto indexed = index_all_backends(maps_, snapshot->backends); !indexed) return indexed;
  planner_ = std::make_unique<Planner>(*snapshot);
  for (const auto& [name, service] : desired_) {
    if (auto planned = planner_->upsert(service); !planned) return planned;
  }
  if (complete_) {
    if (auto planned = planner_->remove_unknown(); !planned) return planned;
  }
  return carry_out(maps_, planner_->finish());
}

// Plans and carries out. A plan that finds no room is made once more when all that earlier ones
// gave back is free; so is one after a write that failed.
template <class Plan>
Result<ChangeReport> ServiceLoader::change(Plan plan) {
  const bool again = planner_ != nullptr;
  if (!again) {
    if (auto restored = restore(); !restored) return std::unexpected(restored.error());
  }
  auto planned = plan(*planner_);
  if (!planned && again) {
    if (auto restored = restore(); !restored) return std::unexpected(restored.error());
    planned = plan(*planner_);
  }
  if (!planned) {
    planner_.reset();
    return std::unexpected(planned.error());
  }
  const std::vector<Write> writes = planner_->finish();
  if (auto written = carry_out(maps_, writes); !written) {
    planner_.reset();
    return std::unexpected(written.error());
  }
  ChangeReport report = count(writes);
  report.conflicts = planner_->conflicts();
  return report;
}

Result<void> ServiceLoader::configure(const Settings& settings) {
  if (!is_maglev_size(settings.maglev_size))
    return fail("a Maglev table of " + std::to_string(settings.maglev_size) +
                " entries is not offered");
  const service_config_value value = config_value(settings);
  if (planner_ && std::memcmp(&value, &planner_->config(), sizeof value) == 0) return {};
  const auto done = change([&value](Planner& planner) {
    planner.configure(value);
    return Result<void>{};
  });
  if (!done) return std::unexpected(done.error());
  return {};
}

Settings ServiceLoader::settings() const {
  Settings settings;
  if (!planner_) return settings;
  const service_config_value& value = planner_->config();
  settings.maglev_size = value.maglev_size;
  settings.per_packet = (value.flags & SERVICE_PER_PACKET) != 0;
  settings.drop_without_backend = (value.flags & SERVICE_NO_BACKEND_DROP) != 0;
  std::memcpy(settings.loopback4.bytes.data(), &value.loopback4, sizeof value.loopback4);
  std::ranges::copy(value.loopback6, settings.loopback6.bytes.begin());
  settings.hash_seed = value.seed;
  return settings;
}

Result<ChangeReport> ServiceLoader::apply(std::span<const DesiredService> all) {
  std::vector<const DesiredService*> sorted;
  sorted.reserve(all.size());
  for (const DesiredService& service : all) sorted.push_back(&service);
  std::ranges::sort(sorted, {}, [](const DesiredService* service) -> const std::string& {
    return service->name;
  });
  const auto twice = std::ranges::adjacent_find(
      sorted, [](const auto* a, const auto* b) { return a->name == b->name; });
  if (twice != sorted.end()) return fail("two services have the name " + (*twice)->name);
  const auto wanted = [&sorted](const std::string& name) {
    return std::ranges::binary_search(
        sorted, name, {}, [](const DesiredService* s) -> const std::string& { return s->name; });
  };
  auto report = change([&](Planner& planner) -> Result<void> {
    for (const std::string& name : planner.names()) {
      if (wanted(name)) continue;
      if (auto removed = planner.remove(name); !removed) return removed;
    }
    for (const DesiredService* service : sorted) {
      if (auto planned = planner.upsert(*service); !planned) return planned;
    }
    return planner.remove_unknown();
  });
  if (!report) return report;
  desired_.clear();
  for (const DesiredService* service : sorted) desired_.emplace(service->name, *service);
  complete_ = true;
  return report;
}

Result<ChangeReport> ServiceLoader::upsert(const DesiredService& service) {
  auto report = change([&](Planner& planner) { return planner.upsert(service); });
  if (report) desired_.insert_or_assign(service.name, service);
  return report;
}

Result<ChangeReport> ServiceLoader::remove(const std::string& name) {
  auto report = change([&](Planner& planner) { return planner.remove(name); });
  if (report) desired_.erase(name);
  return report;
}

Result<std::vector<policyc_backend_state>> ServiceLoader::set_backend_state(
    const FrontendKey& backend, policyc_backend_state state) {
  std::vector<policyc_backend_state> states;
  const auto done = change([&](Planner& planner) -> Result<void> {
    auto planned = planner.set_state(backend, state);
    if (!planned) return std::unexpected(planned.error());
    states = std::move(*planned);
    return {};
  });
  if (!done) return std::unexpected(done.error());
  return states;
}

std::vector<Conflict> conflicts_of(std::span<const DesiredService> services) {
  std::map<FrontendKey, std::set<std::string>> claims;
  for (const DesiredService& service : services) {
    for (const Frontend& frontend : service.frontends)
      claims[{frontend.address, frontend.port, frontend.protocol}].insert(service.name);
  }
  std::vector<Conflict> conflicts;
  for (const auto& [key, names] : claims) {
    for (auto other = std::next(names.begin()); other != names.end(); ++other)
      conflicts.push_back({key, *names.begin(), *other});
  }
  return conflicts;
}

}  // namespace policyc::service
