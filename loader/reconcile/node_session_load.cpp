// Endpoints that come, change and go (node_session.h).

#include <algorithm>
#include <array>
#include <map>

#include "compiler/backend/backend.h"
#include "loader/bpf/info.h"
#include "loader/endpoint/datapath.h"
#include "loader/endpoint/grace.h"
#include "loader/endpoint/node.h"
#include "loader/endpoint/placing.h"
#include "loader/endpoint/shapes.h"
#include "loader/reconcile/node_session.h"

namespace policyc::reconcile {

using endpoint::best_effort;
using endpoint::EndpointRecord;
using endpoint::LoadReport;
using endpoint::LoadRequest;

bool NodeSession::has_deny_response(endpoint::DenyResponse response) const {
  const auto config = maps_.config();
  return config && endpoint::deny_response_of(config->flags) == response;
}

bool NodeSession::leaves_node(const LoadRequest& request) const {
  const auto config = maps_.config();
  if (!config || request.inventory) return false;
  const node_config_value wanted = endpoint::configured(*config, request);
  return wanted.flags == config->flags && wanted.events_per_tick == config->events_per_tick;
}

// Fills in what there is of the endpoint. False: what is there is in its way, or of another kind.
bool NodeSession::find_record(ComingEndpoint& endpoint) {
  const LoadRequest& request = *endpoint.request;
  EndpointRecord& record = endpoint.record;
  const auto index = endpoint::interface_index(request.interface);
  const auto hook = attach::choose_hook(request.hook);
  if (!index || !hook) return false;
  const auto known = std::ranges::find_if(state_.endpoints, [&](const EndpointRecord& other) {
    return other.interface_index == *index || other.interface == request.interface;
  });
  if (known != state_.endpoints.end()) {
    if (known->interface_index != *index || known->interface != request.interface ||
        known->hook != *hook || known->addresses != request.addresses)
      return false;
    record = *known;
    endpoint.is_new = false;
  }
  record.interface = request.interface;
  record.interface_index = *index;
  record.addresses = request.addresses;
  record.labels = request.labels;
  record.hook = *hook;
  record.audit = request.audit;
  record.mac = request.mac;
  return true;
}

// Of several generations a load finds the one that has room.
bool NodeSession::find_shape(ComingEndpoint& endpoint, Coming& coming) {
  const LoadRequest& request = *endpoint.request;
  const auto same = std::ranges::find_if(coming.endpoints, [&](const ComingEndpoint& other) {
    return other.request->object.data() == request.object.data();
  });
  if (same != coming.endpoints.end()) {
    endpoint.record.shape = same->record.shape;
  } else {
    auto shape = endpoint::read_shape(request.object);
    if (!shape) return false;
    const std::string first = endpoint::shape_key(*shape, request.object);
    endpoint.record.shape.clear();
    for (const endpoint::LoadedShape& loaded : peers_->shapes()) {
      if (endpoint::first_key(loaded.key) != first) continue;
      if (!endpoint.record.shape.empty()) return false;
      endpoint.record.shape = loaded.key;
    }
    if (endpoint.record.shape.empty()) {
      endpoint.record.shape = first;
      const bool is_known =
          std::ranges::find(coming.shapes, first, &ComingShape::key) != coming.shapes.end();
      if (!is_known) coming.shapes.push_back({first, request.object, std::move(*shape), 0});
    }
  }
  for (ComingShape& shape : coming.shapes) {
    if (shape.key == endpoint.record.shape)
      shape.max_classes = std::max(shape.max_classes, request.max_classes);
  }
  return true;
}

std::optional<ComingEndpoint> NodeSession::coming_one(const LoadRequest& request, Coming& coming) {
  if (request.identity || request.labels.empty() || request.addresses.empty()) return std::nullopt;
  ComingEndpoint result{&request, {}};
  if (!find_record(result) || !find_shape(result, coming)) return std::nullopt;
  if (!result.is_new) return result;
  for (const IpAddress& address : request.addresses) {
    if (!local_.insert(address).second) return std::nullopt;
  }
  return result;
}

std::optional<Coming> NodeSession::coming(std::span<const LoadRequest> requests) {
  if (state_.datapath != endpoint::datapath_version(backend::datapath_object()) ||
      !leaves_node(requests.front()))
    return std::nullopt;
  const std::set<IpAddress> before = local_;
  Coming result;
  std::set<std::uint32_t> indices;
  for (const LoadRequest& request : requests) {
    auto one = coming_one(request, result);
    if (!one || !indices.insert(one->record.interface_index).second) {
      local_ = before;
      return std::nullopt;
    }
    result.endpoints.push_back(std::move(*one));
  }
  if (may_change_shapes()) return result;
  const bool changes =
      !result.shapes.empty() ||
      std::ranges::any_of(result.endpoints, [](const ComingEndpoint& one) { return !one.is_new; });
  if (!changes) return result;
  local_ = before;
  return std::nullopt;
}

// Its Pod may have told of it before. A change that fails is repaired as a whole.
Result<void> NodeSession::add_own_addresses(const EndpointRecord& record) {
  for (const IpAddress& address : record.addresses) {
    const auto added = peers_->add_address(host_prefix(address), record.labels, record.identity,
                                           record.interface_index);
    if (!added) return std::unexpected(added.error());
    if (!added->starved.empty()) return fail("a shape has no room for the endpoint's class");
  }
  return {};
}

// Into the state: ids, names, identities, slots.
Result<void> NodeSession::number(Coming& coming, const endpoint::Inventory& inventory) {
  std::map<IpAddress, std::string> names;
  std::size_t fresh = 0;
  for (const ComingEndpoint& one : coming.endpoints) {
    if (!one.is_new) continue;
    ++fresh;
    names[one.record.addresses.front()];
  }
  if (fresh != 0) {
    for (const policy::Endpoint& pod : inventory.cluster.endpoints) {
      for (const IpAddress& address : pod.addresses) {
        const auto asked = names.find(address);
        if (asked != names.end() && asked->second.empty()) asked->second = pod.full_name();
      }
    }
  }
  const auto ids = state_.take_endpoint_ids(fresh);
  if (!ids) return std::unexpected(ids.error());
  auto id = ids->begin();
  for (ComingEndpoint& one : coming.endpoints) {
    EndpointRecord& record = one.record;
    const auto identity = allocator_->ensure(record.labels);
    if (!identity) return std::unexpected(identity.error());
    record.identity = state_.identities[*identity].identity;
    if (one.is_new) {
      record.id = *id++;
      record.name = names.at(record.addresses.front());
      state_.endpoints.push_back(record);
    } else {
      *std::ranges::find(state_.endpoints, record.id, &EndpointRecord::id) = record;
    }
  }
  const auto policies = maps_.policies.handle().info();
  if (!policies) return std::unexpected(policies.error());
  for (const ComingShape& shape : coming.shapes) {
    const auto slot = state_.take_slot(shape.key, policies->max_entries / 2);
    if (!slot) return std::unexpected(slot.error());
  }
  return {};
}

Result<void> NodeSession::place_all(Coming& coming, std::vector<LoadReport>& reports,
                                    const endpoint::Progress& progress, endpoint::Undo& undo) {
  const auto report = [&progress](std::string_view step) {
    if (progress) progress(step);
  };
  auto datapath = endpoint::ensure_datapath(paths_, maps_, backend::datapath_object());
  if (!datapath) return std::unexpected(datapath.error());
  std::array<endpoint::NodeProgram, 2> programs;
  for (std::size_t side = 0; side < programs.size(); ++side) {
    const auto info = bpf::program_info(datapath->programs[side].get());
    if (!info) return std::unexpected(info.error());
    programs[side] = {datapath->programs[side].get(), info->id};
  }
  for (const ComingEndpoint& one : coming.endpoints) {
    if (auto added = add_own_addresses(one.record); !added) return added;
  }
  report("addresses");
  for (const ComingEndpoint& one : coming.endpoints) {
    const std::uint32_t slot = state_.slots.at(one.record.shape);
    const ir::Shape& shape = peers_->find_shape(one.record.shape)->shape;
    if (auto written =
            endpoint::write_entry(paths_, maps_, {one.record, slot, shape, one.is_new}, undo);
        !written)
      return written;
    report("entry");
    LoadReport& out = reports.emplace_back();
    out.endpoint_id = one.record.id;
    out.interface_index = one.record.interface_index;
    out.identity = one.record.identity;
    out.shape = one.record.shape;
    out.slot = slot;
    out.hook = one.record.hook;
  }
  for (std::size_t i = 0; i < coming.endpoints.size(); ++i) {
    for (const attach::Side side : attach::kSides) {
      const auto ran = endpoint::attach_program(paths_, coming.endpoints[i].record, side,
                                                programs[static_cast<std::size_t>(side)], undo);
      if (!ran) return std::unexpected(ran.error());
      reports[i].replaced = reports[i].replaced || *ran;
      report("attached");
    }
  }
  return {};
}

Result<std::vector<LoadReport>> NodeSession::place(Coming coming, const Labelling& labelling,
                                                   const endpoint::Progress& progress) {
  const endpoint::ExpeditedGrace grace;
  endpoint::Undo undo;
  undo.add([this, endpoints = state_.endpoints, slots = state_.slots] {
    state_.endpoints = endpoints;
    state_.slots = slots;
    best_effort(abandon());
  });
  if (auto numbered = number(coming, labelling.inventory); !numbered)
    return std::unexpected(numbered.error());
  std::vector<LoadReport> reports;
  if (auto placed = place_shapes(coming, labelling, progress, undo); !placed)
    return std::unexpected(placed.error());
  if (auto placed = place_all(coming, reports, progress, undo); !placed)
    return std::unexpected(placed.error());
  const auto epoch = peers_->finish();
  if (!epoch) return std::unexpected(epoch.error());
  if (progress) progress("epoch");
  undo.dismiss();
  if (auto dropped = drop_unused(labelling, progress); !dropped)
    return std::unexpected(dropped.error());
  for (LoadReport& report : reports) report.epoch = *epoch;
  for (const ComingEndpoint& one : coming.endpoints)
    reports.front().ipcache.added += one.is_new ? one.record.addresses.size() : 0;
  for (const ComingShape& shape : coming.shapes)
    std::ranges::find(reports, shape.key, &LoadReport::shape)->shape_loaded = true;
  return reports;
}

Result<PeersReport> NodeSession::remove(std::span<const std::uint16_t> ids,
                                        const Labelling& labelling,
                                        const endpoint::Progress& progress) {
  const endpoint::ExpeditedGrace grace;
  if (auto marked = mark(); !marked) return std::unexpected(marked.error());
  std::set<IpAddress> addresses;
  for (const std::uint16_t id : ids) {
    const EndpointRecord* found = state_.find_endpoint(id);
    if (found == nullptr) continue;
    const EndpointRecord record = *found;
    if (auto removed = endpoint::remove_endpoint(paths_, maps_, record); !removed)
      return std::unexpected(removed.error());
    if (progress) progress("removed");
    addresses.insert(record.addresses.begin(), record.addresses.end());
    std::erase_if(state_.endpoints, [id](const EndpointRecord& other) { return other.id == id; });
  }
  for (const IpAddress& address : addresses) local_.erase(address);
  if (auto marked = mark(); !marked) return std::unexpected(marked.error());
  if (progress) progress("state");
  const auto running = shapes();
  auto report = change(
      changes_to({labelling.inventory, labelling.known, running}, labelling.named, addresses));
  if (!report) return report;
  if (progress) progress("addresses");
  if (auto dropped = drop_unused(labelling, progress); !dropped)
    return std::unexpected(dropped.error());
  return report;
}

}  // namespace policyc::reconcile
