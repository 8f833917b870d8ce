// Rows of classes into every shape, and larger generations of shapes that have no room (node.h).

#include <algorithm>

#include "loader/endpoint/node.h"
#include "loader/endpoint/shape_sizes.h"

namespace policyc::endpoint {
namespace {

std::string names_of(const ir::Shape& shape) {
  std::set<std::string> objects;
  for (const ir::DirectionShape& direction : shape.directions) {
    for (const ir::Rule& rule : direction.rules) objects.insert(rule.origin.object);
  }
  std::string names;
  for (const std::string& object : objects) names += (names.empty() ? "" : ", ") + object;
  return names;
}

}  // namespace

Result<std::size_t> Node::write_rows(const LoadedShape& shape,
                                     std::span<const identity::PeerClass> classes) const {
  std::size_t starved = 0;
  for (std::size_t direction = 0; direction < 2; ++direction) {
    const auto rows = classes_->rows(shape.key, shape.shape, direction, classes);
    const auto without_room = extend_rows(shape.shape, direction, shape.maps[direction], rows);
    if (!without_room) return without_room;
    starved += *without_room;
  }
  return starved;
}

Result<void> Node::extend_shapes(const std::vector<bool>& fresh, Applied& applied) {
  const auto all = classes_->all();
  const auto created = classes_->created();
  for (std::size_t i = 0; i < fresh.size(); ++i) {  // larger generations come behind these
    const auto& classes = fresh[i] ? all : created;
    if (classes.empty()) continue;
    const auto starved = write_rows(shapes_[i], classes);
    if (!starved) return std::unexpected(starved.error());
    if (fresh[i]) {
      if (auto filled = fill_slot_of(shapes_[i]); !filled) return filled;
    }
    // One that is on its way out keeps denying what is new to it.
    if (*starved == 0 || !state_.uses_shape(shapes_[i].key)) continue;
    const std::string key = shapes_[i].key;
    const auto reason = grow(i, applied);
    if (!reason) return std::unexpected(reason.error());
    if (*reason) applied.starved.push_back({key, **reason});
  }
  return {};
}

Result<std::optional<std::string>> Node::grow(std::size_t shape, Applied& applied) {
  const std::string key = shapes_[shape].key;
  const ShapeSizes needed = needed_sizes(shapes_[shape].shape, key, *classes_);
  const bool bounded = is_beyond_table(shapes_[shape].shape, needed);
  const std::string bound =
      "the peers of " + names_of(shapes_[shape].shape) + " need more than " +
      std::to_string(ir::kMaxRows) +
      " rows in one direction, as many as a table has; compile it with --form=bitset, which has no"
      " such limit";
  const auto room = has_room(shapes_[shape], needed);
  if (!room) return std::unexpected(room.error());
  if (bounded && *room) return bound;
  std::string larger;
  if (auto loaded = load_larger(key, needed, larger); !loaded) {
    return "the maps of " + names_of(shapes_[shape].shape) +
           " are too small and a larger generation cannot be loaded: " + loaded.error().message;
  }
  const LoadedShape& now = *find_shape(larger);
  if (auto copied = copy_retired(*find_shape(key), now); !copied)
    return std::unexpected(copied.error());
  const auto starved = write_rows(now, classes_->all());
  if (!starved) return std::unexpected(starved.error());
  if (auto filled = fill_slot_of(now); !filled) return std::unexpected(filled.error());
  applied.grown.push_back(larger);
  for (EndpointRecord& endpoint : state_.endpoints) {
    if (endpoint.shape == key) endpoint.shape = larger;
  }
  if (auto written = write_state(paths_, state_); !written) return std::unexpected(written.error());
  report("grown");
  if (*starved != 0) return bounded ? bound : std::string("no room in a larger generation");
  return std::nullopt;
}

// Addresses that a change was cut short for may have numbers that no identity has.
Result<void> Node::copy_retired(const LoadedShape& from, const LoadedShape& to) const {
  if (!classes_->has_retired()) return {};
  for (std::size_t direction = 0; direction < 2; ++direction) {
    auto writer = RowWriter::open(to.shape, direction, to.maps[direction]);
    if (!writer) return std::unexpected(writer.error());
    if (auto copied = writer->copy(from.maps[direction], classes_->retired()); !copied)
      return copied;
  }
  return {};
}

Result<void> Node::load_larger(const std::string& key, const ShapeSizes& needed,
                               std::string& larger) {
  const ir::Shape shape = find_shape(key)->shape;
  const auto object = read_object(paths_, key, shape);
  if (!object) return std::unexpected(object.error());
  larger = next_key(key);
  while (state_.slots.contains(larger) || find_shape(larger) != nullptr) larger = next_key(larger);
  // One that a dead process left may be smaller than needed.
  if (auto removed = remove_shape(paths_, larger); !removed) return removed;
  const auto policies = maps_.policies.handle().info();
  if (!policies) return std::unexpected(policies.error());
  State with_slot = state_;
  const auto slot = with_slot.take_slot(larger, policies->max_entries / 2);
  if (!slot) return std::unexpected(slot.error());
  const auto capacity = capacity_of(*find_shape(key));
  if (!capacity) return std::unexpected(capacity.error());
  const std::uint32_t at_least = std::max(kDefaultMinClasses, capacity->classes);
  auto loaded =
      ensure_shape(paths_, maps_, larger, shape, *object, roomy_sizes(shape, needed, at_least));
  if (!loaded) return std::unexpected(loaded.error());
  if (auto adopted = adopt(std::move(*loaded)); !adopted) return adopted;
  state_ = std::move(with_slot);
  return write_state(paths_, state_);
}

Result<void> Node::follow_generations() const {
  std::map<std::uint32_t, std::string> keys;
  for (const auto& [key, slot] : state_.slots) keys.emplace(slot, key);
  for (const EndpointRecord& endpoint : state_.endpoints) {
    const auto entry = maps_.endpoints.lookup(endpoint.interface_index);
    if (!entry) return std::unexpected(entry.error());
    const auto wanted = state_.slots.find(endpoint.shape);
    if (!*entry || wanted == state_.slots.end() || (*entry)->policy_slot == wanted->second)
      continue;
    const auto running = keys.find((*entry)->policy_slot);
    if (running == keys.end() || first_key(running->second) != first_key(endpoint.shape)) continue;
    endpoint_value value = **entry;
    value.policy_slot = wanted->second;
    if (auto moved = maps_.endpoints.update(endpoint.interface_index, value); !moved) return moved;
  }
  return {};
}

}  // namespace policyc::endpoint
