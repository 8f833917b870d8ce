#include "loader/endpoint/node.h"

#include <algorithm>
#include <map>

#include "loader/bpf/bpffs.h"
#include "loader/endpoint/files.h"
#include "loader/endpoint/grace.h"
#include "loader/endpoint/inventory_file.h"
#include "loader/endpoint/removal.h"
#include "loader/endpoint/shape_sizes.h"

namespace policyc::endpoint {
namespace {

// Under this key the predicates of a shape are in force that is not loaded yet.
std::string coming_key(std::size_t number) { return "coming" + std::to_string(number); }

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

Result<Node> Node::open(const Paths& paths, const maps::MapSizes& sizes, Progress progress) {
  auto lock = lock_directory(paths.state);
  if (!lock) return std::unexpected(lock.error());
  if (auto finished = finish_removal(paths); !finished) return std::unexpected(finished.error());
  auto state = read_state(paths);
  if (!state) return std::unexpected(state.error());
  auto node_maps = maps::NodeMaps::open_or_create(paths.maps(), sizes);
  if (!node_maps) return std::unexpected(node_maps.error());
  if (auto bound = bind_state_to_maps(paths, *state, *node_maps); !bound)
    return std::unexpected(bound.error());
  // Packets may carry numbers that a process moved away from before it died.
  if (state->dirty) wait_for_running_programs();
  Node node(paths, std::move(*lock), std::move(*state), std::move(*node_maps), std::move(progress));
  if (auto opened = node.open_shapes(); !opened) return std::unexpected(opened.error());
  if (auto restored = node.restore_classes(); !restored) return std::unexpected(restored.error());
  return node;
}

Result<void> Node::open_shapes() {
  std::set<std::string> keys;
  for (const auto& [key, slot] : state_.slots) keys.insert(key);
  for (const EndpointRecord& endpoint : state_.endpoints) keys.insert(endpoint.shape);
  for (const std::string& key : keys) {
    // An endpoint whose load was cut short may name a shape that was never published: nothing runs
    // it.
    if (!bpf::exists(paths_.shape(key))) continue;
    auto shape = open_shape(paths_, key);
    if (!shape) return std::unexpected(shape.error());
    shapes_.push_back(std::move(*shape));
  }
  return {};
}

// Whatever the maps hold keeps its meaning: a number that an address has there although no identity
// does, because a change was cut short, is not given again before that address moved.
Result<void> Node::restore_classes() {
  auto present = maps::read_ipcache(maps_);
  if (!present) return std::unexpected(present.error());
  const auto config = maps_.config();
  if (!config) return std::unexpected(config.error());
  std::set<std::uint32_t> held{config->world4_class, config->world6_class};
  for (const auto& [prefix, entry] : *present) held.insert(entry.peer_class);
  known_ = std::move(*present);
  std::vector<NodeClasses::Loaded> loaded;
  for (const LoadedShape& shape : shapes_) loaded.push_back({shape.key, &shape.shape});
  const std::vector<identity::PeerClass> numbers(held.begin(), held.end());
  auto classes = NodeClasses::restore(state_.identities, loaded, numbers);
  if (!classes) return std::unexpected(classes.error());
  classes_ = std::move(*classes);
  // The maps have other numbers than the state from here on.
  if (classes_->is_rebuilt() || classes_->has_retired()) state_.dirty = true;
  return {};
}

std::optional<Node::Parts> Node::take_apart() && {
  if (!known_ || state_.dirty) return std::nullopt;
  return Parts{std::move(lock_),   std::move(state_),    std::move(maps_),
               std::move(shapes_), std::move(*classes_), std::move(*known_)};
}

Result<void> Node::use_datapath(std::span<const std::uint8_t> object) {
  auto datapath = ensure_datapath(paths_, maps_, object);
  if (!datapath) return std::unexpected(datapath.error());
  datapath_ = std::move(*datapath);
  auto finish =
      install_finish(maps_.policy_finish, {datapath_.finish[0].get(), datapath_.finish[1].get()});
  if (!finish || (state_.datapath == datapath_.version && !state_.dirty)) return finish;
  for (const EndpointRecord& endpoint : state_.endpoints) {
    // Without an entry our program would deny everything. Whatever runs there, of an upgrade that
    // was cut short, enforces until the endpoint is loaded.
    const auto entry = maps_.endpoints.lookup(endpoint.interface_index);
    if (!entry) return std::unexpected(entry.error());
    if (!*entry) continue;
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

const LoadedShape* Node::find_shape(std::string_view key) const {
  const auto found = std::find_if(shapes_.begin(), shapes_.end(),
                                  [key](const LoadedShape& shape) { return shape.key == key; });
  return found == shapes_.end() ? nullptr : &*found;
}

Result<std::set<std::uint32_t>> Node::named_slots() const {
  const auto entries = maps_.endpoints.entries();
  if (!entries) return std::unexpected(entries.error());
  std::set<std::uint32_t> named;
  for (const auto& [index, entry] : *entries) named.insert(entry.policy_slot);
  return named;
}

Result<std::vector<const ir::Shape*>> Node::shapes_of(const State& state) const {
  const auto named = named_slots();
  if (!named) return std::unexpected(named.error());
  std::vector<const ir::Shape*> result;
  for (const LoadedShape& shape : shapes_) {
    const auto slot = state.slots.find(shape.key);
    const bool runs = slot != state.slots.end() && named->contains(slot->second);
    if (runs || state.uses_shape(shape.key)) result.push_back(&shape.shape);
  }
  return result;
}

Result<void> Node::plan(State& next, const policy::AddressBook& book,
                        const std::vector<const ir::Shape*>& coming) {
  const auto table = number_addresses(next, book);
  if (!table) return std::unexpected(table.error());
  for (std::size_t number = 0; number < coming.size(); ++number) {
    if (auto added = classes_->add_shape(coming_key(number), *coming[number]); !added) return added;
  }
  if (auto added = classes_->add_identities(next.identities); !added) return added;
  const auto member = [&](std::size_t record) { return next.identities[record].member; };
  addresses_.clear();
  used_.clear();
  world_ = {Address{next.identities[table->world4].identity, member(table->world4)},
            Address{next.identities[table->world6].identity, member(table->world6)}};
  for (const Address& world : world_) used_.insert(world.member);
  for (const auto& [prefix, entry] : table->entries) {
    addresses_.emplace_hint(addresses_.end(), prefix,
                            Address{entry.identity, member(entry.record)});
    used_.insert(member(entry.record));
  }
  return {};
}

ShapeSizes Node::coming_sizes(const ir::Shape& coming, std::size_t number) const {
  return needed_sizes(coming, coming_key(number), *classes_);
}

Result<void> Node::adopt(LoadedShape shape) {
  if (auto added = classes_->add_shape(shape.key, shape.shape); !added) return added;
  shapes_.push_back(std::move(shape));
  return {};
}

Result<Applied> Node::apply(State next, const Inventory& inventory) {
  // After a crash nobody knows which rows were written, and a shape that was just loaded has none.
  const bool rewrite = state_.dirty;
  std::vector<bool> fresh;
  for (const LoadedShape& shape : shapes_)
    fresh.push_back(rewrite || shape.created || !state_.slots.contains(shape.key));
  next.dirty = true;
  classes_->update(next.identities);
  if (auto written = write_state(paths_, next); !written) return std::unexpected(written.error());
  if (auto written = write_inventory(paths_, inventory); !written)
    return std::unexpected(written.error());
  state_ = std::move(next);
  report("state");
  Applied applied;
  applied.inventory = stamp_of(paths_.inventory_file());
  if (auto done = extend_shapes(fresh, applied); !done) return std::unexpected(done.error());
  report("rows");
  // Before addresses move: classes of before have their rows in a larger generation, new ones have
  // them nowhere else.
  if (auto moved = follow_generations(); !moved) return std::unexpected(moved.error());
  report("generations");
  if (auto done = write_world(); !done) return std::unexpected(done.error());
  const auto change = write_addresses();
  if (!change) return std::unexpected(change.error());
  applied.ipcache = *change;
  report("addresses");
  return applied;
}

Result<void> Node::fill_slot_of(const LoadedShape& shape) const {
  const auto slot = state_.slots.find(shape.key);
  if (slot == state_.slots.end()) return {};
  return fill_slot(maps_.policies, slot->second,
                   {shape.programs[0].get(), shape.programs[1].get()});
}

Result<void> Node::write_world() const {
  auto config = maps_.config();
  if (!config) return std::unexpected(config.error());
  config->world4_identity = world_[0].identity;
  config->world4_class = classes_->partition().class_of(world_[0].member);
  config->world6_identity = world_[1].identity;
  config->world6_class = classes_->partition().class_of(world_[1].member);
  return maps_.set_config(*config);
}

Result<maps::IpCacheChange> Node::write_addresses() {
  maps::IpCache wanted;
  for (const auto& [prefix, address] : addresses_) {
    wanted.emplace_hint(
        wanted.end(), prefix,
        maps::IpCacheEntry{address.identity, classes_->partition().class_of(address.member), 0});
  }
  for (const EndpointRecord& endpoint : state_.endpoints) {
    for (const IpAddress& address : endpoint.addresses) {
      const auto own = wanted.find({address, address.bit_length()});
      if (own != wanted.end()) own->second.interface_index = endpoint.interface_index;
    }
  }
  if (!known_) {
    auto present = maps::read_ipcache(maps_);
    if (!present) return std::unexpected(present.error());
    known_ = std::move(*present);
  }
  const auto change = maps::write_ipcache(maps_, *known_, wanted);
  known_.reset();
  if (change) known_ = std::move(wanted);
  return change;
}

}  // namespace policyc::endpoint
