// Backends, slots and Maglev tables of one set.
#include <algorithm>
#include <bit>
#include <tuple>

#include "loader/service/planner.h"
#include "loader/service/set_state.h"

namespace policyc::service {
namespace {

constexpr std::uint16_t to_network(std::uint16_t port) { return __builtin_bswap16(port); }

// `set`: BACKEND_SET_*
backend_value value_of(const Backend& backend, const SetRow& row, std::uint32_t generation,
                       std::uint8_t set) {
  backend_value value{};
  std::ranges::copy(backend.address.bytes, value.address);
  value.port = to_network(backend.port);
  value.protocol = row.protocol;
  value.family = backend.address.v6 ? 6 : 4;
  value.flags = static_cast<std::uint8_t>(
      (backend.local ? BACKEND_LOCAL : 0U) |
      (backend.state == BACKEND_TERMINATING && backend.serving ? BACKEND_SERVING : 0U));
  set_state_of(value, backend.state, set);
  value.zone = backend.zone;
  value.generation = generation;
  value.service = row.number;
  return value;
}

bool same(const backend_value& a, const backend_value& b) {
  return a.state == b.state && a.flags == b.flags && a.zone == b.zone &&
         a.generation == b.generation;
}

auto place(const Backend* backend) { return std::tie(backend->address, backend->port); }
auto place(const Member& member) { return std::tie(member.address, member.port); }

}  // namespace

void Planner::drop_backend(const Member& member) {
  // The state alone changes: a program that reads the entry meanwhile sees no half of another one.
  backend_value value = member.value;
  value.state = BACKEND_FREE;
  if ((value.flags & kSetStates) != 0)
    dropped_states_.push_back({member.address, member.port, value.protocol});
  put(kBackendsGone, PutBackend{member.number, value});
  backend_numbers_.give_back(member.number);
}

void Planner::drop_set(const SetRow& row) {
  if (row.value.count != 0) put(kSetsGone, PutService{row.number, {row.value.slots, 0}});
  if (row.has_table) put(kTablesGone, EraseMaglev{row.number});
  for (const Member& member : row.members) drop_backend(member);
  if (row.region.capacity != 0) regions_.give_back(row.region);
  set_numbers_.give_back(row.number);
}

Result<std::uint32_t> Planner::add_backend(const SetRow& row, const Backend& backend,
                                           std::vector<Member>& members) {
  const auto number = backend_numbers_.take();
  if (!number) {
    return fail("no room for another backend: all " + std::to_string(generations_.size() - 1) +
                " are in use");
  }
  const std::uint32_t before = generations_[*number]++;
  const backend_value value = value_of(backend, row, generations_[*number], set_bits(row, backend));
  if (before != 0) {
    // Whoever remembers the number with the old generation sees it free until the new one is there.
    backend_value prepared = value;
    prepared.state = BACKEND_FREE;
    put(kBackends, PutBackend{*number, prepared});
  }
  put(kBackends, PutBackend{*number, value});
  members.push_back({backend.address, backend.port, *number, value, backend.weight});
  return *number;
}

// Both lists are sorted by address and port.
Result<void> Planner::plan_members(SetRow& row, const std::vector<const Backend*>& wanted) {
  std::vector<Member> members;
  members.reserve(wanted.size());
  auto present = row.members.begin();
  for (const Backend* backend : wanted) {
    while (present != row.members.end() && place(*present) < place(backend))
      drop_backend(*present++);
    if (present == row.members.end() || place(*present) != place(backend)) {
      if (auto added = add_backend(row, *backend, members); !added)
        return std::unexpected(added.error());
      continue;
    }
    const backend_value value =
        value_of(*backend, row, present->value.generation, set_bits(row, *backend));
    if (!same(value, present->value)) {
      // The states are numbered from the best to the worst.
      const bool worse = value.state > present->value.state;
      put(worse ? kBackendsWorse : kBackends, PutBackend{present->number, value});
      present->value = value;
    }
    present->weight = backend->weight;
    members.push_back(*present++);
  }
  while (present != row.members.end()) drop_backend(*present++);
  row.members = std::move(members);
  return {};
}

// Slots within the present count: of backends that are not listed any more, or listed twice. Each
// is given a new backend while there are some, then the last one; `count` shrinks afterwards.
void Planner::fill_holes(SetRow& row, std::vector<std::uint32_t>& added) {
  const auto takes = [&](std::size_t i) {
    if (row.listed[i] >= marks_.size() || marks_[row.listed[i]] != mark_) return false;
    marks_[row.listed[i]] = mark_ + 1;  // seen
    return true;
  };
  std::vector<std::size_t> holes;
  for (std::size_t i = 0; i < row.listed.size(); ++i) {
    if (!takes(i)) holes.push_back(i);
  }
  std::erase_if(added, [&](std::uint32_t number) { return marks_[number] == mark_ + 1; });
  std::size_t used = 0;
  std::size_t hole = 0;
  const auto fill = [&](std::size_t index, std::uint32_t backend) {
    row.listed[index] = backend;
    put(kSlots, PutSlot{row.region.start + static_cast<std::uint32_t>(index), backend});
  };
  while (hole < holes.size() && used < added.size()) fill(holes[hole++], added[used++]);
  added.erase(added.begin(), added.begin() + static_cast<std::ptrdiff_t>(used));
  std::size_t count = row.listed.size();
  std::size_t last_hole = holes.size();
  while (hole < last_hole) {
    --count;
    if (holes[last_hole - 1] == count) {
      --last_hole;
    } else {
      fill(holes[hole++], row.listed[count]);
    }
  }
  row.listed.resize(count);
}

Result<void> Planner::plan_list(SetRow& row, const std::vector<std::uint32_t>& takers) {
  if (mark_ >= UINT32_MAX - 2) {
    std::ranges::fill(marks_, 0U);
    mark_ = 0;
  }
  mark_ += 2;
  for (const std::uint32_t number : takers) marks_[number] = mark_;
  const auto old_count = static_cast<std::uint32_t>(row.listed.size());
  const std::size_t first_write = phases_[kSlots].size();
  std::vector<std::uint32_t> added = takers;
  fill_holes(row, added);
  const auto kept = static_cast<std::uint32_t>(row.listed.size());
  row.listed.insert(row.listed.end(), added.begin(), added.end());
  const auto count = static_cast<std::uint32_t>(row.listed.size());
  std::uint32_t written = kept;
  const Region old_region = row.region;
  if (count > row.region.capacity) {
    // A region that is left ends as it was.
    phases_[kSlots].resize(first_write);
    const auto region = regions_.take(count);
    if (!region) {
      return fail("no room in the slots of services for " + std::to_string(count) +
                  " backends of one service");
    }
    row.region = *region;
    written = 0;
  }
  for (std::uint32_t i = written; i < count; ++i)
    put(kSlots, PutSlot{row.region.start + i, row.listed[i]});
  service_value value = row.value;
  if (row.region != old_region) {
    value.slots = row.region.start;
    if (old_region.capacity != 0) regions_.give_back(old_region);
    // Both words at once where nobody has the number yet.
    if (!row.fresh) put(kRegions, PutService{row.number, {value.slots, old_count}});
  }
  if (row.value.count != count) {
    value.count = count;
    put(kCounts, PutService{row.number, value});
  }
  row.value = value;
  row.fresh = false;
  return {};
}

void Planner::plan_table(SetRow& row, std::vector<MaglevBackend> table) {
  if (table.empty()) {
    if (row.has_table) put(kTablesGone, EraseMaglev{row.number});
    row.has_table = row.table_known = false;
    row.table.clear();
    return;
  }
  if (row.has_table && row.table_known && row.table == table) return;
  put(kTables,
      PutMaglev{row.number, config_.maglev_size, table, row.has_table && !row.table_known});
  row.has_table = row.table_known = true;
  row.table = std::move(table);
}

Result<void> Planner::plan_set(SetRow& row, const BackendSet& wanted, bool with_table) {
  std::vector<const Backend*> sorted;
  sorted.reserve(wanted.backends.size());
  for (const Backend& backend : wanted.backends) {
    if (backend.state == BACKEND_FREE || backend.address.v6 != wanted.v6)
      return fail("backend " + backend.address.to_string() + " of port " + wanted.port +
                  " has no state, or is of another family than its set");
    sorted.push_back(&backend);
  }
  std::ranges::stable_sort(sorted,
                           [](const Backend* a, const Backend* b) { return place(a) < place(b); });
  const auto twice = std::ranges::unique(
      sorted, [](const Backend* a, const Backend* b) { return place(a) == place(b); });
  sorted.erase(twice.begin(), twice.end());
  if (auto planned = plan_members(row, sorted); !planned) return planned;
  return plan_takers(row, with_table);
}

// What new connections are given, from the members as they are now.
Result<void> Planner::plan_takers(SetRow& row, bool with_table) {
  std::vector<Backend> backends;
  backends.reserve(row.members.size());
  for (const Member& member : row.members) {
    Backend backend{.address = member.address, .port = member.port};
    backend.state = static_cast<policyc_backend_state>(member.value.state);
    backend.serving = (member.value.flags & BACKEND_SERVING) != 0;
    backend.weight = member.weight;
    backends.push_back(backend);
  }
  std::vector<std::uint32_t> takers;
  std::vector<MaglevBackend> table;
  for (const std::size_t i : takers_of_new_connections(backends)) {
    const Member& member = row.members[i];
    takers.push_back(member.number);
    if (with_table) table.push_back({member.address, member.port, member.weight, member.number});
  }
  if (auto planned = plan_list(row, takers); !planned) return planned;
  plan_table(row, std::move(table));
  return {};
}

}  // namespace policyc::service
