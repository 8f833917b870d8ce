// What the maps hold, taken over as it is: a process that died may have left half of a change.
#include <algorithm>
#include <cstring>
#include <map>

#include "loader/service/planner.h"

namespace policyc::service {
namespace {

IpAddress address_of(const std::uint8_t (&bytes)[16], std::uint8_t family) {
  IpAddress address;
  address.v6 = family == 6;
  std::copy(std::begin(bytes), std::end(bytes), address.bytes.begin());
  return address;
}

std::uint16_t from_network(policyc_be16 port) { return __builtin_bswap16(port); }

}  // namespace

Planner::Planner(const Snapshot& snapshot)
    : generations_(snapshot.backends.size()),
      marks_(snapshot.backends.size()),
      config_(snapshot.config) {
  restore_frontends(snapshot);
  restore_sets(snapshot);
  restore_states();
}

void Planner::restore_frontends(const Snapshot& snapshot) {
  std::map<std::uint32_t, std::vector<IpPrefix>> ranges;
  for (const source_range_key& key : snapshot.ranges) {
    IpPrefix prefix;
    std::copy(std::begin(key.address), std::end(key.address), prefix.address.bytes.begin());
    prefix.length = static_cast<int>(key.prefix_length) - 32;
    ranges[key.frontend].push_back(prefix);
  }
  std::vector<bool> used(snapshot.addresses.size());
  for (const auto& [key, value] : snapshot.frontends) {
    if (key.port == 0 && key.protocol == 0) {
      addresses_[key].present = true;
      continue;
    }
    FrontendRow row{.number = value.frontend, .value = value};
    if (const auto found = ranges.find(value.frontend); found != ranges.end()) {
      row.ranges = found->second;
      for (IpPrefix& prefix : row.ranges) prefix.address.v6 = key.address.v6;
      std::ranges::sort(row.ranges);
      ranges.erase(found);
    }
    if (value.frontend < used.size()) {
      used[value.frontend] = true;
      const frontend_address expected = address_value(key, value.flags);
      row.address_stale =
          std::memcmp(&expected, &snapshot.addresses[value.frontend], sizeof expected) != 0;
    }
    frontends_.emplace(key, std::move(row));
  }
  for (std::uint32_t number = 1; number < snapshot.addresses.size(); ++number) {
    if (snapshot.addresses[number].family == 0 || used[number]) continue;
    used[number] = true;
    unknown_addresses_.push_back(number);
  }
  // Ranges of frontends that are gone would let clients in when the number is given again.
  for (const source_range_key& key : snapshot.ranges) {
    if (ranges.contains(key.frontend)) put(kRangesGone, EraseRange{key});
  }
  frontend_numbers_ = Numbers(static_cast<std::uint32_t>(used.size()), used);
}

void Planner::restore_sets(const Snapshot& snapshot) {
  const auto set_count = static_cast<std::uint32_t>(snapshot.services.size());
  const auto backend_count = static_cast<std::uint32_t>(snapshot.backends.size());
  std::vector<bool> used_sets(set_count), used_backends(backend_count);
  std::vector<Member> dropped;
  const auto row_of = [&](std::uint32_t number) -> SetRow* {
    if (number == 0 || number >= set_count) return nullptr;
    SetRow& row = unknown_sets_[number];
    if (row.number == 0) {
      row.number = number;
      row.value = snapshot.services[number];
      used_sets[number] = true;
    }
    return &row;
  };
  for (const auto& [key, value] : snapshot.frontends) {
    for (const policyc_scope scope : {SCOPE_EXTERNAL, SCOPE_INTERNAL}) {
      if (row_of(value.service[scope]) != nullptr)
        references_[value.service[scope]].push_back({key, scope, value.tag});
    }
  }
  for (const std::uint32_t number : snapshot.tables) {
    if (SetRow* row = row_of(number)) row->has_table = true;
  }
  for (std::uint32_t number = 1; number < backend_count; ++number) {
    const backend_value& value = snapshot.backends[number];
    generations_[number] = value.generation;
    if (value.state == BACKEND_FREE) continue;
    used_backends[number] = true;
    SetRow* row = row_of(value.service);
    // Nobody finds a backend of no service: its number is free again, with the next generation.
    if (row == nullptr) {
      dropped.push_back({{}, 0, number, value});
      continue;
    }
    row->protocol = value.protocol;
    row->v6 = value.family == 6;
    row->members.push_back(
        {address_of(value.address, value.family), from_network(value.port), number, value});
  }
  std::unordered_map<std::uint32_t, std::uint32_t> weights;
  for (const BackendWeight& known : snapshot.weights) {
    if (known.number < backend_count && generations_[known.number] == known.generation)
      weights.emplace(known.number, known.weight);
  }
  const auto slot_count = static_cast<std::uint32_t>(snapshot.slots.size());
  std::vector<Region> used_regions;
  for (auto& [number, row] : unknown_sets_) {
    std::ranges::sort(row.members, [](const Member& a, const Member& b) {
      return std::tie(a.address, a.port, a.number) < std::tie(b.address, b.port, b.number);
    });
    // A second copy of a backend is what a process left that died.
    const auto first_copy = [](const Member& a, const Member& b) {
      return a.address == b.address && a.port == b.port;
    };
    std::vector<Member> members;
    for (const Member& member : row.members) {
      if (!members.empty() && first_copy(members.back(), member)) {
        dropped.push_back(member);
      } else {
        members.push_back(member);
      }
    }
    row.members = std::move(members);
    for (Member& member : row.members) {
      if (const auto known = weights.find(member.number); known != weights.end())
        member.weight = known->second;
    }
    if (row.value.count == 0) continue;
    for (std::uint32_t i = 0; i < row.value.count; ++i) {
      const std::uint64_t slot = std::uint64_t{row.value.slots} + i;
      row.listed.push_back(slot < slot_count ? snapshot.slots[slot] : 0);
    }
    row.region = {row.value.slots, capacity_for(row.value.count)};
    used_regions.push_back(row.region);
    // Not made by this planner: it moves with the next change.
    if (row.region.start % row.region.capacity != 0) row.region.capacity = 0;
  }
  set_numbers_ = Numbers(set_count, used_sets);
  backend_numbers_ = Numbers(backend_count, used_backends);
  for (const Member& member : dropped) drop_backend(member);
  regions_ = Regions(slot_count, std::move(used_regions));
}

}  // namespace policyc::service
