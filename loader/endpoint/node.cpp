#include "loader/endpoint/node.h"

#include <algorithm>
#include <map>

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "loader/bpf/bpffs.h"
#include "loader/endpoint/files.h"

namespace policyc::endpoint {
namespace {

namespace fs = std::filesystem;

// Waits until no CPU runs a program with what it read before this call: one that does could store
// an old decision under the new epoch.
void wait_for_running_programs() {
  constexpr useconds_t kLongerThanAnyProgram = 50'000;
  if (::syscall(__NR_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) != 0) ::usleep(kLongerThanAnyProgram);
}

// Those whose class the shape may not know yet.
std::vector<IdentityRecord> identities_to_write(const State& old, const State& next, bool all) {
  std::map<std::uint32_t, const policy::LabelSet*> known;
  for (const IdentityRecord& record : old.identities)
    known.emplace(record.peer_class, &record.labels);
  std::vector<IdentityRecord> result;
  for (const IdentityRecord& record : next.identities) {
    const auto found = known.find(record.peer_class);
    if (all || found == known.end() || *found->second != record.labels) result.push_back(record);
  }
  return result;
}

Result<void> bind_state_to_maps(const Paths& paths, const State& state,
                                const maps::NodeMaps& maps) {
  const auto instance = maps.instance();
  if (!instance) return std::unexpected(instance.error());
  if (*instance == state.instance) return {};
  if (*instance != 0) {
    return fail(
        "the maps in " + paths.maps().string() + " do not belong to the state in " +
        paths.state.string() +
        ": their numbers would be misread. Use the other state directory, or start afresh with"
        " `policyc unload --all`");
  }
  // Fresh maps: nothing has a number in them yet. The state is on disk first, so a crash here finds
  // the same instance.
  if (auto written = write_state(paths, state); !written) return written;
  return maps.set_instance(state.instance);
}

}  // namespace

Result<Node> Node::open(const Paths& paths, const maps::MapSizes& sizes) {
  auto lock = lock_directory(paths.state);
  if (!lock) return std::unexpected(lock.error());
  auto state = read_state(paths);
  if (!state) return std::unexpected(state.error());
  auto node_maps = maps::NodeMaps::open_or_create(paths.maps(), sizes);
  if (!node_maps) return std::unexpected(node_maps.error());
  if (auto bound = bind_state_to_maps(paths, *state, *node_maps); !bound)
    return std::unexpected(bound.error());
  return Node(paths, std::move(*lock), std::move(*state), std::move(*node_maps));
}

Result<void> Node::use_datapath(std::span<const std::uint8_t> object) {
  auto datapath = ensure_datapath(paths_, maps_, object);
  if (!datapath) return std::unexpected(datapath.error());
  datapath_ = std::move(*datapath);
  auto finish =
      install_finish(maps_.policy_finish, {datapath_.finish[0].get(), datapath_.finish[1].get()});
  if (!finish || (state_.datapath == datapath_.version && !state_.dirty)) return finish;
  for (const EndpointRecord& endpoint : state_.endpoints) {
    for (const attach::Side side : attach::kSides) {
      const attach::Hook hook =
          paths_.hook(endpoint.id, endpoint.interface_index, side, endpoint.hook);
      const auto running = attach::attached_program(hook);
      if (!running) return std::unexpected(running.error());
      if (!*running) continue;
      if (auto attached = attach::attach(hook, program(side)); !attached) return attached;
    }
  }
  state_.datapath = datapath_.version;
  return write_state(paths_, state_);
}

Result<std::vector<LoadedShape>> Node::open_shapes(const State& state) const {
  std::set<std::string> keys;
  for (const EndpointRecord& endpoint : state.endpoints) keys.insert(endpoint.shape);
  std::vector<LoadedShape> shapes;
  for (const std::string& key : keys) {
    // An endpoint whose load was cut short may name a shape that was never published: nothing runs
    // it.
    if (!bpf::exists(paths_.shape(key))) continue;
    auto shape = open_shape(paths_, key);
    if (!shape) return std::unexpected(shape.error());
    shapes.push_back(std::move(*shape));
  }
  return shapes;
}

Result<Applied> Node::apply(State next, const Inventory& inventory,
                            const std::vector<LoadedShape>& shapes) {
  std::vector<ir::Shape> descriptions;
  for (const LoadedShape& shape : shapes) descriptions.push_back(shape.shape);
  const auto table = build_addresses(next, inventory, descriptions);
  if (!table) return std::unexpected(table.error());
  Applied applied;
  const State old = state_;
  next.dirty = true;
  if (auto written = write_state(paths_, next); !written) return std::unexpected(written.error());
  if (auto written = write_inventory(paths_, inventory); !written)
    return std::unexpected(written.error());
  state_ = std::move(next);
  used_classes_ = table->classes;
  for (const LoadedShape& shape : shapes) {
    // After a crash nobody knows which rows were written, and a shape that was just loaded has
    // none.
    const auto identities = identities_to_write(old, state_, old.dirty || shape.created);
    std::size_t starved = 0;
    for (std::size_t direction = 0; direction < 2; ++direction) {
      const auto without_room =
          extend_rows(shape.shape, direction, shape.maps[direction], identities);
      if (!without_room) return std::unexpected(without_room.error());
      starved += *without_room;
    }
    if (starved != 0) applied.starved.push_back(shape.key);
  }
  if (old.dirty) {
    if (auto filled = fill_slots(shapes); !filled) return std::unexpected(filled.error());
  }
  if (auto done = write_world(*table); !done) return std::unexpected(done.error());
  const auto change = maps::write_ipcache(maps_, table->entries);
  if (!change) return std::unexpected(change.error());
  applied.ipcache = *change;
  return applied;
}

Result<void> Node::fill_slots(const std::vector<LoadedShape>& shapes) const {
  for (const LoadedShape& shape : shapes) {
    const auto slot = state_.slots.find(shape.key);
    if (slot == state_.slots.end()) continue;
    auto filled =
        fill_slot(maps_.policies, slot->second, {shape.programs[0].get(), shape.programs[1].get()});
    if (!filled) return filled;
  }
  return {};
}

// Those of shapes that no endpoint has. After a crash the kernel's entry of an endpoint may still
// name an older shape than the state does; that one stays until the endpoint is loaded again.
Result<void> Node::free_slots() {
  const bool none = std::all_of(state_.slots.begin(), state_.slots.end(),
                                [this](const auto& slot) { return state_.uses_shape(slot.first); });
  if (none) return {};
  const auto entries = maps_.endpoints.entries();
  if (!entries) return std::unexpected(entries.error());
  std::set<std::uint32_t> named;
  for (const auto& [index, entry] : *entries) named.insert(entry.policy_slot);
  for (auto slot = state_.slots.begin(); slot != state_.slots.end();) {
    if (state_.uses_shape(slot->first) || named.contains(slot->second)) {
      ++slot;
      continue;
    }
    if (auto cleared = clear_slot(maps_.policies, slot->second); !cleared) return cleared;
    slot = state_.slots.erase(slot);
  }
  return {};
}

Result<void> Node::write_world(const AddressTable& table) const {
  auto config = maps_.config();
  if (!config) return std::unexpected(config.error());
  config->world4_identity = table.world4.identity;
  config->world4_class = table.world4.peer_class;
  config->world6_identity = table.world6.identity;
  config->world6_class = table.world6.peer_class;
  return maps_.set_config(*config);
}

Result<std::uint32_t> Node::commit() {
  wait_for_running_programs();
  const auto epoch = maps_.raise_epoch();
  if (!epoch) return epoch;
  retire_identities(state_, used_classes_);
  if (auto freed = free_slots(); !freed) return std::unexpected(freed.error());
  if (auto swept = sweep(); !swept) return std::unexpected(swept.error());
  state_.dirty = false;
  if (auto written = write_state(paths_, state_); !written) return std::unexpected(written.error());
  return epoch;
}

// Removes what no endpoint uses, whoever left it: this change or a process that died.
Result<void> Node::sweep() const {
  const auto keep = [this](const std::string& key) {
    return state_.uses_shape(key) || state_.slots.contains(key);
  };
  for (const std::string& key : list_shapes(paths_)) {
    if (keep(key)) continue;
    if (auto removed = remove_shape(paths_, key); !removed) return removed;
  }
  for (const std::string& name : bpf::list(paths_.shape_files())) {
    const fs::path file = paths_.shape_files() / name;
    if (file.extension() == ".json" && keep(file.stem().string())) continue;
    if (auto removed = remove_file(file); !removed) return removed;
  }
  for (const std::string& version : bpf::list(paths_.programs())) {
    if (version == state_.datapath) continue;
    if (auto removed = bpf::remove_tree(paths_.programs() / version); !removed) return removed;
  }
  for (const std::string& name : bpf::list(paths_.endpoints())) {
    const bool used = std::any_of(
        state_.endpoints.begin(), state_.endpoints.end(),
        [&name](const EndpointRecord& endpoint) { return std::to_string(endpoint.id) == name; });
    if (used) continue;
    if (auto removed = bpf::remove_tree(paths_.endpoints() / name); !removed) return removed;
  }
  return {};
}

Result<void> remove_endpoint(const Paths& paths, const maps::NodeMaps& maps,
                             const EndpointRecord& endpoint) {
  for (const attach::Side side : attach::kSides) {
    auto detached =
        attach::detach(paths.hook(endpoint.id, endpoint.interface_index, side, endpoint.hook));
    if (!detached) return detached;
  }
  if (auto erased = maps.endpoints.erase(endpoint.interface_index); !erased)
    return std::unexpected(erased.error());
  return bpf::remove_tree(paths.endpoint(endpoint.id));
}

}  // namespace policyc::endpoint
