// From a planned state into the kernel: maps, entries, attachments (loading.h).

#include <algorithm>
#include <set>
#include <unordered_map>

#include "loader/bpf/bpffs.h"
#include "loader/bpf/info.h"
#include "loader/endpoint/loading.h"
#include "loader/endpoint/placing.h"
#include "runtime/abi/abi.h"

namespace policyc::endpoint {
namespace {

using RecordsById = std::unordered_map<std::uint16_t, const EndpointRecord*>;

RecordsById by_id(const State& state) {
  RecordsById records;
  for (const EndpointRecord& record : state.endpoints) records.emplace(record.id, &record);
  return records;
}

}  // namespace

// Makes the state what it was, but for numbers that were given and shapes that grew.
void Loading::take_back() {
  State back = before_;
  back.next_endpoint_id = node_.state().next_endpoint_id;
  back.slots = node_.state().slots;
  back.identities = node_.state().identities;
  const RecordsById now = by_id(node_.state());
  for (EndpointRecord& endpoint : back.endpoints) {
    const auto found = now.find(endpoint.id);
    if (found != now.end() && first_key(found->second->shape) == first_key(endpoint.shape))
      endpoint.shape = found->second->shape;
  }
  const auto book = label(old_inventory_, back, {});
  if (!book || !node_.plan(back, *book)) return;
  if (node_.apply(std::move(back), old_inventory_)) best_effort(node_.commit());
}

Result<void> Loading::fill_maps() {
  // Registered first: a step that fails half way is undone as well.
  undo_.add([this] { take_back(); });
  const auto change = node_.apply(next_, inventory_);
  if (!change) return std::unexpected(change.error());
  if (auto taken = take_over(*change); !taken) return taken;
  return set_node_flags();
}

// What became of the endpoints' shapes, which may have grown.
Result<void> Loading::take_over(const Applied& change) {
  const RecordsById now = by_id(node_.state());
  std::set<std::string> filled;
  for (Place& place : places_) {
    place.record = *now.at(place.record.id);
    place.report.shape = place.record.shape;
    place.report.slot = node_.state().slots.at(place.record.shape);
    if (!filled.insert(place.record.shape).second) continue;
    // Also when the shape was there: an empty slot would drop everything new.
    const LoadedShape& own = *node_.find_shape(place.record.shape);
    auto done = fill_slot(node_.maps().policies, place.report.slot,
                          {own.programs[0].get(), own.programs[1].get()});
    if (!done) return name(place, done.error());
  }
  LoadReport& report = places_.front().report;
  report.ipcache = change.ipcache;
  report.grown = change.grown;
  report.inventory = change.inventory;
  report.known_nodes = inventory_.known_nodes;
  for (const Starved& starved : change.starved) {
    for (const EndpointRecord& endpoint : node_.state().endpoints) {
      if (first_key(endpoint.shape) == first_key(starved.shape))
        report.starved.push_back({endpoint.interface, starved.reason});
    }
  }
  return {};
}

// What the first request says of the node.
Result<void> Loading::set_node_flags() {
  const auto before = node_.maps().config();
  if (!before) return std::unexpected(before.error());
  const node_config_value old = *before;
  const node_config_value config = configured(old, first());
  if (config.flags == old.flags && config.events_per_tick == old.events_per_tick) return {};
  undo_.add([this, old] {
    // Prefixes are the IP cache's, which other steps undo.
    constexpr std::uint32_t kOurs = NODE_TRACE_VERDICTS | NODE_TRACE | NODE_LOCAL_DELIVERY |
                                    NODE_EGRESS_DELIVERY | NODE_DENY_ICMP | NODE_DENY_RESET;
    auto now = node_.maps().config();
    if (!now) return;
    now->flags = (now->flags & ~kOurs) | (old.flags & kOurs);
    now->events_per_tick = old.events_per_tick;
    best_effort(node_.maps().set_config(*now));
  });
  return node_.maps().set_config(config);
}

Result<void> Loading::register_endpoints() {
  for (Place& place : places_) {
    if (auto done = register_endpoint(place); !done) return name(place, done.error());
    node_.report("entry");
  }
  return {};
}

Result<void> Loading::register_endpoint(Place& place) {
  // The interface was made anew under its name: the entry of the old one leads nowhere.
  if (place.replaced && !indices_.contains(place.replaced->interface_index)) {
    if (auto erased = node_.maps().endpoints.erase(place.replaced->interface_index); !erased)
      return std::unexpected(erased.error());
  }
  return write_entry(
      paths(), node_.maps(),
      {place.record, place.report.slot, objects_[place.object].shape, !place.replaced.has_value()},
      undo_);
}

Result<void> Loading::attach_programs() {
  std::array<std::uint32_t, 2> programs{};
  for (const attach::Side side : attach::kSides) {
    const auto ours = bpf::program_info(node_.program(side));
    if (!ours) return std::unexpected(ours.error());
    programs[static_cast<std::size_t>(side)] = ours->id;
  }
  for (Place& place : places_) {
    for (const attach::Side side : attach::kSides) {
      const auto attached = attach_side(place, side, programs[static_cast<std::size_t>(side)]);
      if (!attached) return name(place, attached.error());
      node_.report("attached");
    }
  }
  for (Place& place : places_) {
    if (auto detached = detach_old_kind(place); !detached) return name(place, detached.error());
  }
  return {};
}

Result<void> Loading::attach_side(Place& place, attach::Side side, std::uint32_t program_id) {
  const auto ran =
      attach_program(paths(), place.record, side, {node_.program(side), program_id}, undo_);
  if (!ran) return std::unexpected(ran.error());
  place.report.replaced = place.report.replaced || *ran;
  return {};
}

// The kind of hook changes: both run for a moment, then the old one goes. Whatever the record says:
// a process that died in between has left both.
Result<void> Loading::detach_old_kind(Place& place) {
  const EndpointRecord& record = place.record;
  if (!place.replaced) return {};
  for (const attach::Side side : attach::kSides) {
    const attach::Hook old =
        paths().hook(record.id, record.interface_index, side, attach::other_kind(record.hook));
    const auto running = attach::attached_program(old);
    if (running && *running) {
      place.report.replaced = true;
      undo_.add([old, id = **running] {
        if (const auto program = bpf::open_program(id))
          best_effort(attach::attach(old, program->get()));
      });
    }
    if (auto detached = attach::detach(old); !detached) return detached;
  }
  return {};
}

}  // namespace policyc::endpoint
