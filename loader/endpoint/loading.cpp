// From requests to a new state and the shapes that it needs, on paper (loading.h).

#include "loader/endpoint/loading.h"

#include <map>
#include <set>
#include <string_view>
#include <unordered_map>

#include "loader/endpoint/inventory_file.h"
#include "loader/endpoint/shape_sizes.h"

namespace policyc::endpoint {
namespace {

// Pods by address, of those that are asked for: the first that has it.
std::map<IpAddress, std::string> names_by_address(const Inventory& inventory,
                                                  const std::set<IpAddress>& asked) {
  std::map<IpAddress, std::string> names;
  for (const policy::Endpoint& endpoint : inventory.cluster.endpoints) {
    for (const IpAddress& address : endpoint.addresses) {
      if (asked.contains(address)) names.try_emplace(address, endpoint.full_name());
    }
  }
  return names;
}

}  // namespace

Loading::Loading(Node& node, std::vector<ComingObject> objects,
                 std::span<const ComingEndpoint> endpoints)
    : node_(node), objects_(std::move(objects)), next_(node.state()), before_(node.state()) {
  places_.reserve(endpoints.size());
  for (const ComingEndpoint& endpoint : endpoints) places_.push_back({endpoint, {}, {}, {}});
  for (Place& place : places_) {
    place.report.interface_index = place.interface_index;
    indices_.insert(place.interface_index);
  }
}

std::unexpected<Error> Loading::name(const Place& place, const Error& error) const {
  if (places_.size() == 1) return std::unexpected(error);
  return fail(place.request->interface + ": " + error.message);
}

Result<std::vector<LoadReport>> Loading::run() {
  using Step = Result<void> (Loading::*)();
  for (const Step step : {&Loading::prepare, &Loading::load_shapes, &Loading::fill_maps,
                          &Loading::register_endpoints, &Loading::attach_programs}) {
    if (auto done = (this->*step)(); !done) return std::unexpected(done.error());
  }
  undo_.dismiss();
  const auto epoch = node_.commit();
  if (!epoch) return std::unexpected(epoch.error());
  std::vector<LoadReport> reports;
  reports.reserve(places_.size());
  for (Place& place : places_) {
    place.report.epoch = *epoch;
    reports.push_back(std::move(place.report));
  }
  return reports;
}

// Finds or makes the records of the endpoints and settles everything that needs no kernel.
Result<void> Loading::prepare() {
  auto stored = read_inventory(paths());
  if (!stored && !first().inventory) return std::unexpected(stored.error());
  old_inventory_ = stored ? std::move(*stored) : *first().inventory;
  inventory_ = first().inventory ? *first().inventory : old_inventory_;
  inventory_.known_nodes = old_inventory_.known_nodes;
  find_old_records();
  if (auto made = make_records(); !made) return made;
  std::vector<const ir::Shape*> coming;
  for (const ComingObject& object : objects_) coming.push_back(&object.shape);
  const auto book = label(inventory_, before_, coming);
  if (!book) return std::unexpected(book.error());
  if (auto found = find_identities(*book); !found) return found;
  if (auto joined = join_state(); !joined) return joined;
  return node_.plan(next_, *book, coming);
}

// An endpoint is known by its interface's index, else by its name: an interface may have been made
// anew, or have another name now. Each record is of one endpoint.
void Loading::find_old_records() {
  std::unordered_map<std::uint32_t, const EndpointRecord*> by_index;
  std::unordered_map<std::string_view, const EndpointRecord*> by_name;
  for (const EndpointRecord& record : before_.endpoints) {
    by_index.try_emplace(record.interface_index, &record);
    by_name.try_emplace(record.interface, &record);
  }
  std::set<std::uint16_t> taken;
  for (Place& place : places_) {
    const auto found = by_index.find(place.interface_index);
    if (found == by_index.end()) continue;
    place.replaced = *found->second;
    taken.insert(found->second->id);
  }
  for (Place& place : places_) {
    if (place.replaced) continue;
    const auto found = by_name.find(place.request->interface);
    if (found != by_name.end() && taken.insert(found->second->id).second)
      place.replaced = *found->second;
  }
}

Result<void> Loading::make_records() {
  std::map<attach::HookChoice, attach::HookKind> hooks;
  std::set<IpAddress> asked;
  for (const Place& place : places_) asked.insert(place.request->addresses.front());
  const auto names = names_by_address(inventory_, asked);
  std::size_t count = 0;
  for (const Place& place : places_) count += place.replaced ? 0U : 1U;
  const auto ids = next_.take_endpoint_ids(count);
  if (!ids) return std::unexpected(ids.error());
  auto id = ids->begin();
  for (Place& place : places_) {
    const LoadRequest& request = *place.request;
    if (!hooks.contains(request.hook)) {
      const auto hook = attach::choose_hook(request.hook);
      if (!hook) return name(place, hook.error());
      hooks.emplace(request.hook, *hook);
    }
    EndpointRecord& record = place.record;
    if (place.replaced) record = *place.replaced;
    if (!place.replaced) record.id = *id++;
    record.interface = request.interface;
    record.interface_index = place.interface_index;
    record.addresses = request.addresses;
    record.labels = request.labels;
    const auto named = names.find(request.addresses.front());
    record.name = named == names.end() ? std::string() : named->second;
    record.hook = hooks.at(request.hook);
    record.audit = request.audit;
    record.mac = request.mac;
    place.report.endpoint_id = record.id;
    place.report.hook = record.hook;
  }
  return {};
}

Result<policy::AddressBook> Loading::label(const Inventory& inventory, const State& state,
                                           std::span<const ir::Shape* const> coming) const {
  auto shapes = node_.shapes_of(state);
  if (!shapes) return std::unexpected(shapes.error());
  shapes->insert(shapes->end(), coming.begin(), coming.end());
  return label_addresses(inventory, *shapes);
}

Result<void> Loading::find_identities(const policy::AddressBook& book) {
  IdentityAllocator allocator(next_, inventory_.options.cluster_name);
  for (Place& place : places_) {
    EndpointRecord& record = place.record;
    if (place.request->identity) {
      record.identity = *place.request->identity;
    } else if (record.labels.empty() && record.name.empty()) {
      return name(place,
                  {"the inventory has no pod with address " + record.addresses.front().to_string() +
                   ": its labels or its identity must be given"});
    } else {
      const auto found = allocator.ensure(
          record.labels.empty() ? book.address_labels(record.addresses.front()) : record.labels);
      if (!found) return name(place, found.error());
      record.identity = next_.identities[*found].identity;
    }
    place.report.identity = record.identity;
  }
  return {};
}

// Puts the records behind those of other endpoints, none of which may have one of their addresses.
Result<void> Loading::join_state() {
  std::set<std::uint16_t> ids;
  for (const Place& place : places_) ids.insert(place.record.id);
  std::erase_if(next_.endpoints,
                [&ids](const EndpointRecord& other) { return ids.contains(other.id); });
  std::map<IpAddress, const EndpointRecord*> owners;
  for (const EndpointRecord& other : next_.endpoints) {
    for (const IpAddress& address : other.addresses) owners.try_emplace(address, &other);
  }
  for (const Place& place : places_) {
    for (const IpAddress& address : place.record.addresses) {
      const auto owner = owners.find(address);
      if (owner == owners.end()) continue;
      return name(place, {"endpoint " + std::to_string(owner->second->id) + " on " +
                          owner->second->interface + " has address " + address.to_string()});
    }
  }
  for (const Place& place : places_) next_.endpoints.push_back(place.record);
  return {};
}

Result<void> Loading::load_shapes() {
  for (std::size_t number = 0; number < objects_.size(); ++number) {
    if (auto loaded = load_shape(number); !loaded)
      return name(places_[objects_[number].user], loaded.error());
  }
  auto endpoint = next_.endpoints.end() - static_cast<std::ptrdiff_t>(places_.size());
  for (Place& place : places_) {
    const ComingObject& object = objects_[place.object];
    place.report.shape = place.record.shape = endpoint++->shape = object.key;
    place.report.slot = object.slot;
    const bool is_first = &place == &places_[object.user];
    place.report.shape_loaded = object.loaded && is_first;
  }
  return {};
}

// Takes the first generation of the shape that has room, or loads a further one.
Result<void> Loading::load_shape(std::size_t number) {
  ComingObject& object = objects_[number];
  const ShapeSizes needed = node_.coming_sizes(object.shape, number);
  for (object.key = shape_key(object.shape, object.bytes);; object.key = next_key(object.key)) {
    const LoadedShape* open = node_.find_shape(object.key);
    object.loaded = open == nullptr;
    if (object.loaded) break;
    const auto room = has_room(*open, needed);
    if (!room) return std::unexpected(room.error());
    if (*room) break;
  }
  if (object.loaded) {
    undo_.add([this, key = object.key] { best_effort(remove_shape(paths(), key)); });
    // One that a dead process left may be smaller than needed.
    if (auto removed = remove_shape(paths(), object.key); !removed) return removed;
    auto loaded = ensure_shape(paths(), node_.maps(), object.key, object.shape, object.bytes,
                               roomy_sizes(object.shape, needed, object.max_classes));
    if (!loaded) return std::unexpected(loaded.error());
    if (auto adopted = node_.adopt(std::move(*loaded)); !adopted) return adopted;
    node_.report("shape");
  }
  const auto policies = node_.maps().policies.handle().info();
  if (!policies) return std::unexpected(policies.error());
  const auto slot = next_.take_slot(object.key, policies->max_entries / 2);
  if (!slot) return std::unexpected(slot.error());
  object.slot = *slot;
  return {};
}

}  // namespace policyc::endpoint
