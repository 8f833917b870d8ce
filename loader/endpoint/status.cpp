#include "loader/endpoint/status.h"

#include <algorithm>
#include <set>

#include <net/if.h>

#include "loader/endpoint/shapes.h"
#include "loader/events/ring.h"
#include "runtime/abi/abi.h"

namespace policyc::endpoint {
namespace {

std::vector<std::string> policies_of(const ir::Shape& shape) {
  std::set<std::string> objects;
  for (const ir::DirectionShape& direction : shape.directions) {
    for (const ir::Rule& rule : direction.rules) objects.insert(rule.origin.object);
    for (const ir::Origin& origin : direction.default_deny_origins) objects.insert(origin.object);
  }
  return {objects.begin(), objects.end()};
}

Result<EndpointStatus> status_of(const Paths& paths, const maps::NodeMaps& maps,
                                 const EndpointRecord& record) {
  EndpointStatus status;
  status.record = record;
  char name[IF_NAMESIZE] = {};
  status.interface_present = ::if_indextoname(record.interface_index, name) != nullptr;
  const auto entry = maps.endpoints.lookup(record.interface_index);
  if (!entry) return std::unexpected(entry.error());
  status.registered = *entry && (*entry)->endpoint_id == record.id;
  if (status.registered) status.slot = (*entry)->policy_slot;
  for (std::uint32_t direction = 0; status.slot != 0 && direction < 2; ++direction) {
    const auto id = maps.policies.lookup(POLICYC_POLICY_INDEX(status.slot, direction));
    if (!id) return std::unexpected(id.error());
    if (!*id) continue;
    if (auto info = bpf::program_info_by_id(**id))
      status.policy_programs[direction] = std::move(*info);
  }
  for (const attach::Side side : attach::kSides) {
    const auto id =
        attach::attached_program(paths.hook(record.id, record.interface_index, side, record.hook));
    if (!id) return std::unexpected(id.error());
    if (!*id) continue;
    if (auto info = bpf::program_info_by_id(**id))
      status.programs[static_cast<std::size_t>(side)] = std::move(*info);
  }
  if (const auto shape = describe_shape(paths, record.shape)) {
    status.subject = shape->subject;
    status.policies = policies_of(*shape);
  }
  return status;
}

Result<void> add_shapes(const Paths& paths, const State& state, Status& status) {
  std::set<std::string> predicates;
  for (const auto& [key, slot] : state.slots) {
    const auto loaded = open_shape(paths, key);
    if (!loaded) continue;  // a change that runs now may take it away
    const auto capacity = capacity_of(*loaded);
    if (!capacity) return std::unexpected(capacity.error());
    for (const policy::Predicate& predicate : loaded->shape.predicates)
      predicates.insert(predicate.serialise());
    const auto endpoints =
        std::count_if(state.endpoints.begin(), state.endpoints.end(),
                      [&key](const EndpointRecord& record) { return record.shape == key; });
    status.shapes.push_back({key,
                             slot,
                             static_cast<std::size_t>(endpoints),
                             {loaded->shape.directions[0].form, loaded->shape.directions[1].form},
                             *capacity});
  }
  status.predicates = predicates.size();
  std::set<std::uint32_t> classes;
  for (const IdentityRecord& record : state.identities) classes.insert(record.peer_class);
  status.identities = state.identities.size();
  status.classes = classes.size();
  return {};
}

}  // namespace

Result<std::optional<Status>> read_status(const Paths& paths) {
  if (!maps::NodeMaps::exist(paths.maps())) return std::nullopt;
  const auto maps = maps::NodeMaps::open(paths.maps());
  if (!maps) return std::unexpected(maps.error());
  const auto state = read_state(paths);
  if (!state) return std::unexpected(state.error());
  const auto instance = maps->instance();
  if (!instance) return std::unexpected(instance.error());
  // The programs of devices came first: no endpoint, and no state, was there yet.
  if (*instance == 0) return std::nullopt;
  if (*instance != state->instance) {
    return fail("the maps in " + paths.maps().string() + " do not belong to the state in " +
                paths.state.string());
  }
  Status status;
  const auto config = maps->config();
  if (!config) return std::unexpected(config.error());
  status.epoch = config->policy_epoch;
  status.trace_verdicts = (config->flags & NODE_TRACE_VERDICTS) != 0;
  status.trace_connections = (config->flags & NODE_TRACE) != 0;
  status.local_delivery = (config->flags & NODE_LOCAL_DELIVERY) != 0;
  status.deny_response = deny_response_of(config->flags);
  status.interrupted = state->dirty;
  if (auto added = add_shapes(paths, *state, status); !added) return std::unexpected(added.error());
  for (const EndpointRecord& record : state->endpoints) {
    auto endpoint = status_of(paths, *maps, record);
    if (!endpoint) return std::unexpected(endpoint.error());
    status.endpoints.push_back(std::move(*endpoint));
  }
  auto tables = tables_of(paths, *maps);
  if (!tables) return std::unexpected(tables.error());
  status.tables = std::move(*tables);
  const auto pressure = maps->ct_pressure.lookup(0);
  if (!pressure) return std::unexpected(pressure.error());
  status.connections = **pressure;
  auto counters = maps::read_counters(*maps);
  if (!counters) return std::unexpected(counters.error());
  status.counters = std::move(*counters);
  const auto ring =
      events::Ring::open(maps->event_heads.fd(), maps->event_slots.fd(), events::From::Now);
  if (!ring) return std::unexpected(ring.error());
  status.limited_events = ring->limited();
  return status;
}

}  // namespace policyc::endpoint
