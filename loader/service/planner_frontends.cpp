// Frontends: their hash entries, numbers, source ranges; addresses that are services' alone.
#include <algorithm>

#include "loader/service/planner.h"

namespace policyc::service {
namespace {

source_range_key range_key(std::uint32_t frontend, const IpPrefix& prefix) {
  source_range_key key{};
  key.prefix_length = 32 + static_cast<std::uint32_t>(prefix.length);
  key.frontend = frontend;
  std::ranges::copy(prefix.address.bytes, key.address);
  return key;
}

}  // namespace

frontend_address address_value(const FrontendKey& key, std::uint32_t flags) {
  frontend_address value{};
  std::ranges::copy(key.address.bytes, value.address);
  value.port = __builtin_bswap16(key.port);
  value.protocol = key.protocol;
  value.family = key.address.v6 ? 6 : 4;
  value.flags = flags;
  return value;
}

namespace {

bool same(const frontend_value& a, const frontend_value& b) {
  return a.frontend == b.frontend && std::ranges::equal(a.service, b.service) &&
         a.flags == b.flags && a.affinity_seconds == b.affinity_seconds && a.tag == b.tag;
}

FrontendKey whole_address(const FrontendKey& key) { return {key.address, 0, 0}; }

}  // namespace

void Planner::use_address(FrontendRow& row, const FrontendKey& key, bool own_address) {
  if (row.own_address == own_address) return;
  row.own_address = own_address;
  const FrontendKey whole = whole_address(key);
  AddressRow& address = addresses_[whole];
  address.users += own_address ? 1U : UINT32_MAX;  // one more, one less
  touched_addresses_.push_back(whole);
}

// Those that are new before the frontend demands them, those that are gone after it does not.
void Planner::plan_ranges(FrontendRow& row, std::vector<IpPrefix> wanted) {
  std::ranges::sort(wanted);
  const auto twice = std::ranges::unique(wanted);
  wanted.erase(twice.begin(), twice.end());
  for (const IpPrefix& prefix : wanted) {
    if (!std::ranges::binary_search(row.ranges, prefix))
      put(kRanges, PutRange{range_key(row.number, prefix)});
  }
  for (const IpPrefix& prefix : row.ranges) {
    if (!std::ranges::binary_search(wanted, prefix))
      put(kRangesGone, EraseRange{range_key(row.number, prefix)});
  }
  row.ranges = std::move(wanted);
}

Result<void> Planner::plan_frontend(ServiceRow& service, const DesiredService& wanted,
                                    const Frontend& frontend) {
  const FrontendKey key{frontend.address, frontend.port, frontend.protocol};
  if (key.port == 0 || key.protocol == 0)
    return fail("a frontend of " + wanted.name + " has no port or no protocol");
  auto found = frontends_.find(key);
  if (found == frontends_.end()) {
    if (auto node = released_.extract(key)) {
      found = frontends_.insert(std::move(node)).position;
    } else {
      const auto number = frontend_numbers_.take();
      if (!number) return fail("no room for another frontend: all numbers are in use");
      found = frontends_.emplace(key, FrontendRow{.number = *number, .is_new = true}).first;
    }
  }
  FrontendRow& row = found->second;
  if (row.owner == &service && row.stamp == stamp_) return {};  // named twice: the first counts
  if (row.owner != nullptr && row.owner != &service) {
    blocked_.insert_or_assign(wanted.name, wanted);
    return {};
  }
  if (row.owner == nullptr) service.frontends.push_back(key);
  row.owner = &service;
  row.stamp = stamp_;
  frontend_value value{};
  value.frontend = row.number;
  if (frontend.external) value.service[SCOPE_EXTERNAL] = service.sets[*frontend.external].number;
  if (frontend.internal) value.service[SCOPE_INTERNAL] = service.sets[*frontend.internal].number;
  value.flags = frontend.flags | (frontend.source_ranges.empty() ? 0 : FRONTEND_SOURCE_RANGES);
  value.affinity_seconds = frontend.affinity_seconds;
  value.tag = service.tag;
  for (const policyc_scope scope : {SCOPE_EXTERNAL, SCOPE_INTERNAL}) {
    const auto& index = scope == SCOPE_EXTERNAL ? frontend.external : frontend.internal;
    if (index && wanted.sets[*index].local_only) value.tag |= 1U << scope;
  }
  for (const IpPrefix& prefix : frontend.source_ranges) {
    if (prefix.address.v6 != key.address.v6)
      return fail("source range " + prefix.to_string() + " of " + wanted.name +
                  " is of another family than " + key.address.to_string());
  }
  plan_ranges(row, frontend.source_ranges);
  if (row.is_new || row.address_stale || row.value.flags != value.flags)
    put(kAddresses, PutAddress{row.number, address_value(key, value.flags)});
  if (row.is_new || !same(row.value, value)) put(kFrontends, PutFrontend{key, value});
  row.is_new = row.address_stale = false;
  row.value = value;
  use_address(row, key, frontend.own_address);
  return {};
}

// Written only by finish(): until then another service may take it over as it is.
void Planner::release_frontend(const FrontendKey& key) {
  auto node = frontends_.extract(key);
  if (!node) return;
  node.mapped().owner = nullptr;
  released_.insert(std::move(node));
}

void Planner::finish_frontends() {
  for (auto& [key, row] : released_) {
    put(kFrontendsGone, EraseFrontend{key});
    plan_ranges(row, {});
    // The family alone changes, as with the state of a backend.
    frontend_address gone = address_value(key, row.value.flags);
    gone.family = 0;
    put(kAddressesGone, PutAddress{row.number, gone});
    frontend_numbers_.give_back(row.number);
    use_address(row, key, false);
  }
  released_.clear();
  for (const FrontendKey& key : touched_addresses_) {
    const auto found = addresses_.find(key);
    if (found == addresses_.end()) continue;
    AddressRow& address = found->second;
    if (address.users != 0 && !address.present) {
      put(kFrontends, PutFrontend{key, {}});
      address.present = true;
    } else if (address.users == 0) {
      if (address.present) put(kFrontendsGone, EraseFrontend{key});
      addresses_.erase(found);
    }
  }
  touched_addresses_.clear();
}

}  // namespace policyc::service
