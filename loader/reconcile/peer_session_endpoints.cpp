// Endpoints that come and go while the policies stay (peer_session.h).

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
#include "loader/reconcile/peer_session.h"

namespace policyc::reconcile {

using endpoint::best_effort;
using endpoint::EndpointRecord;
using endpoint::LoadReport;
using endpoint::LoadRequest;

namespace {

// Whether the request leaves the node as it is.
bool leaves_node(const LoadRequest& request) {
  return !request.inventory && !request.trace_verdicts && !request.trace_connections &&
         !request.local_delivery && !request.egress_delivery && !request.event_limit;
}

}  // namespace

bool PeerSession::has_deny_response(endpoint::DenyResponse response) const {
  const auto config = maps_.config();
  return config && endpoint::deny_response_of(config->flags) == response;
}

std::optional<ComingEndpoint> PeerSession::coming_one(const LoadRequest& request) {
  if (!leaves_node(request) || request.identity || request.labels.empty() ||
      request.addresses.empty())
    return std::nullopt;
  if (request.deny_response && !has_deny_response(*request.deny_response)) return std::nullopt;
  ComingEndpoint result{&request, {}, nullptr};
  EndpointRecord& record = result.record;
  const auto index = endpoint::interface_index(request.interface);
  const auto hook = attach::choose_hook(request.hook);
  const auto shape = endpoint::read_shape(request.object);
  if (!index || !hook || !shape) return std::nullopt;
  record.interface = request.interface;
  record.interface_index = *index;
  record.addresses = request.addresses;
  record.labels = request.labels;
  record.hook = *hook;
  record.audit = request.audit;
  record.mac = request.mac;
  const std::string first = endpoint::shape_key(*shape, request.object);
  std::size_t generations = 0;
  for (std::size_t i = 0; i < keys_.size(); ++i) {
    if (endpoint::first_key(keys_[i]) != first) continue;
    record.shape = keys_[i];
    result.shape = &shapes_[i];
    ++generations;
  }
  // Of several a load finds the one that has room.
  if (generations != 1) return std::nullopt;
  const bool is_known = std::ranges::any_of(state_.endpoints, [&](const EndpointRecord& other) {
    return other.interface_index == record.interface_index || other.interface == record.interface;
  });
  if (is_known) return std::nullopt;
  for (const IpAddress& address : record.addresses) {
    if (!local_.insert(address).second) return std::nullopt;
  }
  return result;
}

std::optional<std::vector<ComingEndpoint>> PeerSession::coming(
    std::span<const LoadRequest> requests) {
  if (state_.datapath != endpoint::datapath_version(backend::datapath_object()))
    return std::nullopt;
  const std::set<IpAddress> before = local_;
  std::vector<ComingEndpoint> result;
  std::set<std::uint32_t> indices;
  for (const LoadRequest& request : requests) {
    auto one = coming_one(request);
    if (!one || !indices.insert(one->record.interface_index).second) {
      local_ = before;
      return std::nullopt;
    }
    result.push_back(std::move(*one));
  }
  return result;
}

Result<void> PeerSession::add_own_addresses(const EndpointRecord& record, endpoint::Undo& undo) {
  for (const IpAddress& address : record.addresses) {
    const IpPrefix prefix = host_prefix(address);
    // Its Pod may have told of it before.
    undo.add([this, prefix, before = peers_->known(prefix)] {
      if (!before) return best_effort(peers_->remove_address(prefix));
      best_effort(
          peers_->add_address(prefix, before->labels, before->identity, before->interface_index));
    });
    const auto added =
        peers_->add_address(prefix, record.labels, record.identity, record.interface_index);
    if (!added) return std::unexpected(added.error());
    if (!added->starved.empty()) return fail("a shape has no room for the endpoint's class");
  }
  return {};
}

Result<void> PeerSession::place_all(std::vector<ComingEndpoint>& endpoints,
                                    std::vector<LoadReport>& reports,
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
  for (const ComingEndpoint& one : endpoints) {
    if (auto added = add_own_addresses(one.record, undo); !added) return added;
  }
  report("addresses");
  for (const ComingEndpoint& one : endpoints) {
    const std::uint32_t slot = state_.slots.at(one.record.shape);
    if (auto written = endpoint::write_entry(paths_, maps_, {one.record, slot, *one.shape}, undo);
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
  for (std::size_t i = 0; i < endpoints.size(); ++i) {
    for (const attach::Side side : attach::kSides) {
      const auto ran = endpoint::attach_program(paths_, endpoints[i].record, side,
                                                programs[static_cast<std::size_t>(side)], undo);
      if (!ran) return std::unexpected(ran.error());
      reports[i].replaced = reports[i].replaced || *ran;
      report("attached");
    }
  }
  return {};
}

Result<std::vector<LoadReport>> PeerSession::place(std::vector<ComingEndpoint> endpoints,
                                                   const endpoint::Inventory& inventory,
                                                   const endpoint::Progress& progress) {
  const endpoint::ExpeditedGrace grace;
  endpoint::Undo undo;
  std::map<IpAddress, std::string> names;
  for (const ComingEndpoint& one : endpoints) names[one.record.addresses.front()];
  for (const policy::Endpoint& pod : inventory.cluster.endpoints) {
    for (const IpAddress& address : pod.addresses) {
      const auto asked = names.find(address);
      if (asked != names.end() && asked->second.empty()) asked->second = pod.full_name();
    }
  }
  undo.add([this, count = state_.endpoints.size(), coming = endpoints] {
    state_.endpoints.resize(count);
    for (const ComingEndpoint& one : coming) {
      for (const IpAddress& address : one.record.addresses) local_.erase(address);
    }
    best_effort(mark());
  });
  const auto ids = state_.take_endpoint_ids(endpoints.size());
  if (!ids) return std::unexpected(ids.error());
  for (std::size_t i = 0; i < endpoints.size(); ++i) {
    EndpointRecord& record = endpoints[i].record;
    record.id = (*ids)[i];
    record.name = names.at(record.addresses.front());
    const auto identity = allocator_->ensure(record.labels);
    if (!identity) return std::unexpected(identity.error());
    record.identity = state_.identities[*identity].identity;
    state_.endpoints.push_back(record);
  }
  if (auto marked = mark(); !marked) return std::unexpected(marked.error());
  if (progress) progress("state");
  std::vector<LoadReport> reports;
  if (auto placed = place_all(endpoints, reports, progress, undo); !placed)
    return std::unexpected(placed.error());
  const auto epoch = peers_->finish();
  if (!epoch) return std::unexpected(epoch.error());
  if (progress) progress("epoch");
  undo.dismiss();
  for (LoadReport& report : reports) report.epoch = *epoch;
  for (const ComingEndpoint& one : endpoints)
    reports.front().ipcache.added += one.record.addresses.size();
  return reports;
}

bool PeerSession::can_remove(std::span<const std::uint16_t> ids) const {
  const auto goes = [ids](const EndpointRecord& record) {
    return std::ranges::find(ids, record.id) != ids.end();
  };
  std::set<std::string> left;
  for (const EndpointRecord& record : state_.endpoints) {
    if (!goes(record)) left.insert(record.shape);
  }
  return std::ranges::all_of(state_.slots,
                             [&left](const auto& slot) { return left.contains(slot.first); });
}

Result<PeersReport> PeerSession::remove(std::span<const std::uint16_t> ids,
                                        const endpoint::Inventory& inventory,
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
  auto report = change(labels_of(inventory, shapes(), addresses));
  if (report && progress) progress("addresses");
  return report;
}

}  // namespace policyc::reconcile
