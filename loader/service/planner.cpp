#include "loader/service/planner.h"

#include <algorithm>
#include <iterator>

#include "compiler/support/check.h"

namespace policyc::service {

// FNV-1a
std::uint32_t name_tag(const std::string& name) {
  std::uint32_t hash = 0x811c9dc5U;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x01000193U;
  return hash & ~kTagKindBits;
}

// Whether the set `number` in the maps is this one: whoever comes to it by way of any frontend
// finds the backends of `wanted` at once, before that frontend is written.
bool Planner::continues(std::uint32_t number, const ServiceRow& service,
                        const DesiredService& wanted, std::size_t index) const {
  const auto found = unknown_sets_.find(number);
  if (found == unknown_sets_.end()) return false;
  const SetRow& row = found->second;
  const BackendSet& set = wanted.sets[index];
  if (!row.members.empty() && (row.protocol != set.protocol || row.v6 != set.v6)) return false;
  return std::ranges::all_of(references_.at(number), [&](const Reference& reference) {
    const bool local = (reference.tag >> reference.scope & 1U) != 0;
    if ((reference.tag & ~kTagKindBits) != service.tag || local != set.local_only) return false;
    return std::ranges::all_of(wanted.frontends, [&](const Frontend& frontend) {
      if (FrontendKey{frontend.address, frontend.port, frontend.protocol} != reference.frontend)
        return true;
      const auto& now = reference.scope == SCOPE_INTERNAL ? frontend.internal : frontend.external;
      return !now || *now == index;
    });
  });
}

// The number that a frontend of this set has in the maps for the set: kept, so that connections
// keep their backends when a process starts anew. 0: none.
std::uint32_t Planner::adoptable(const ServiceRow& service, const DesiredService& wanted,
                                 std::size_t index) const {
  if (unknown_sets_.empty()) return 0;
  for (const Frontend& frontend : wanted.frontends) {
    for (const policyc_scope scope : {SCOPE_INTERNAL, SCOPE_EXTERNAL}) {
      if ((scope == SCOPE_INTERNAL ? frontend.internal : frontend.external) != index) continue;
      const auto row = frontends_.find({frontend.address, frontend.port, frontend.protocol});
      if (row == frontends_.end() || row->second.owner != nullptr) continue;
      const std::uint32_t number = row->second.value.service[scope];
      if (continues(number, service, wanted, index)) return number;
    }
  }
  return 0;
}

Result<SetRow*> Planner::find_or_adopt(ServiceRow& service, const DesiredService& wanted,
                                       std::size_t index) {
  const BackendSet& set = wanted.sets[index];
  const auto found =
      std::ranges::find_if(service.sets, [&](const SetRow& row) { return row.is(set); });
  if (found != service.sets.end()) return &*found;
  SetRow row;
  if (const std::uint32_t number = adoptable(service, wanted, index); number != 0) {
    row = std::move(unknown_sets_.extract(number).mapped());
  } else {
    const auto fresh = set_numbers_.take();
    if (!fresh) return fail("no room for another service: all numbers are in use");
    row.number = *fresh;
    row.fresh = true;
  }
  row.port = set.port;
  row.protocol = set.protocol;
  row.v6 = set.v6;
  row.local_only = set.local_only;
  service.sets.push_back(std::move(row));
  return &service.sets.back();
}

Result<void> Planner::upsert_one(const DesiredService& wanted) {
  ++stamp_;
  blocked_.erase(wanted.name);
  std::unique_ptr<ServiceRow>& slot = services_[wanted.name];
  if (!slot)
    slot =
        std::make_unique<ServiceRow>(ServiceRow{.name = wanted.name, .tag = name_tag(wanted.name)});
  ServiceRow& service = *slot;
  std::vector<bool> with_table(wanted.sets.size());
  for (const Frontend& frontend : wanted.frontends) {
    for (const auto& index : {frontend.external, frontend.internal}) {
      if (index && *index >= wanted.sets.size())
        return fail("a frontend of " + wanted.name + " names a set that is not there");
    }
    if (frontend.external && (frontend.flags & FRONTEND_MAGLEV) != 0)
      with_table[*frontend.external] = true;
  }
  // Sets in the order of `wanted`, then those that go.
  std::vector<SetRow> sets;
  sets.reserve(wanted.sets.size());
  for (std::size_t i = 0; i < wanted.sets.size(); ++i) {
    const auto row = find_or_adopt(service, wanted, i);
    if (!row) return std::unexpected(row.error());
    if (auto planned = plan_set(**row, wanted.sets[i], with_table[i]); !planned) return planned;
    sets.push_back(std::move(**row));
    service.sets.erase(service.sets.begin() + (*row - service.sets.data()));
  }
  const std::vector<SetRow> gone = std::exchange(service.sets, std::move(sets));
  for (const Frontend& frontend : wanted.frontends) {
    if (auto planned = plan_frontend(service, wanted, frontend); !planned) return planned;
  }
  std::erase_if(service.frontends, [this](const FrontendKey& key) {
    if (frontends_.at(key).stamp == stamp_) return false;
    release_frontend(key);
    return true;
  });
  for (const SetRow& row : gone) drop_set(row);
  return {};
}

Result<void> Planner::upsert(const DesiredService& service) {
  // The writes of a plan are sorted by kind, which is an order for one change of a set alone.
  if (const auto found = services_.find(service.name);
      found != services_.end() && found->second->plan == plan_)
    return fail("service " + service.name + " is planned twice at once");
  if (auto planned = upsert_one(service); !planned) return planned;
  services_.at(service.name)->plan = plan_;
  return {};
}

Result<void> Planner::remove(const std::string& name) {
  blocked_.erase(name);
  const auto found = services_.find(name);
  if (found == services_.end()) return {};
  if (found->second->plan == plan_) return fail("service " + name + " is planned twice at once");
  for (const FrontendKey& key : found->second->frontends) release_frontend(key);
  for (const SetRow& row : found->second->sets) drop_set(row);
  services_.erase(found);
  return {};
}

// Services that lost a frontend to another one, which may have given it up now. Last of all: what
// they want may change within the plan.
void Planner::serve_blocked() {
  if (blocked_.empty() || released_.empty()) return;
  std::vector<DesiredService> again;
  for (const auto& [name, service] : blocked_) {
    const bool served = std::ranges::any_of(service.frontends, [this](const Frontend& frontend) {
      return released_.contains({frontend.address, frontend.port, frontend.protocol});
    });
    if (served) again.push_back(service);
  }
  for (const DesiredService& service : again) {
    // Its sets are as they should be and the frontend has its number: nothing is allocated.
    POLICYC_CHECK(upsert_one(service).has_value());
  }
}

Result<void> Planner::remove_unknown() {
  std::vector<FrontendKey> unknown;
  for (const auto& [key, row] : frontends_) {
    if (row.owner == nullptr) unknown.push_back(key);
  }
  for (const FrontendKey& key : unknown) release_frontend(key);
  for (const auto& [number, row] : unknown_sets_) drop_set(row);
  unknown_sets_.clear();
  references_.clear();
  for (const std::uint32_t number : unknown_addresses_) {
    put(kAddressesGone, PutAddress{number, {}});
    frontend_numbers_.give_back(number);
  }
  unknown_addresses_.clear();
  for (const auto& [key, row] : addresses_) {
    if (row.users == 0) touched_addresses_.push_back(key);
  }
  return {};
}

void Planner::configure(const service_config_value& config) {
  const std::uint32_t old_size = config_.maglev_size;
  config_ = config;
  // Tables that are larger than the size work, smaller ones do not. The very first write of all is
  // a configuration.
  const bool later = old_size != 0 && config.maglev_size > old_size;
  put(later ? kConfigLast : kConfigFirst, PutConfig{config});
  if (config.maglev_size == old_size) return;
  for (auto& [name, service] : services_) {
    for (SetRow& row : service->sets) {
      if (!row.has_table) continue;
      put(kTables, PutMaglev{row.number, config.maglev_size, row.table, false});
    }
  }
}

std::vector<Write> Planner::finish() {
  serve_blocked();
  finish_frontends();
  forget_states();
  ++plan_;
  std::size_t count = 0;
  for (const auto& phase : phases_) count += phase.size();
  std::vector<Write> writes;
  writes.reserve(count);
  for (auto& phase : phases_) {
    std::ranges::move(phase, std::back_inserter(writes));
    phase.clear();
  }
  return writes;
}

void Planner::release() {
  frontend_numbers_.release();
  set_numbers_.release();
  backend_numbers_.release();
  regions_.release();
}

std::vector<std::string> Planner::names() const {
  std::vector<std::string> names;
  names.reserve(services_.size());
  for (const auto& [name, row] : services_) names.push_back(name);
  std::ranges::sort(names);
  return names;
}

std::vector<NamedSet> Planner::sets() const {
  std::vector<NamedSet> sets;
  for (const auto& [name, service] : services_) {
    for (const SetRow& row : service->sets) sets.push_back({row.number, name, row.port});
  }
  std::ranges::sort(sets, {}, &NamedSet::number);
  return sets;
}

std::vector<Conflict> Planner::conflicts() const {
  std::vector<Conflict> conflicts;
  for (const auto& [name, service] : blocked_) {
    for (const Frontend& frontend : service.frontends) {
      const FrontendKey key{frontend.address, frontend.port, frontend.protocol};
      const auto found = frontends_.find(key);
      if (found == frontends_.end() || found->second.owner == nullptr) continue;
      if (found->second.owner->name != name)
        conflicts.push_back({key, found->second.owner->name, name});
    }
  }
  return conflicts;
}

}  // namespace policyc::service
