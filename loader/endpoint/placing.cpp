#include "loader/endpoint/placing.h"

#include <algorithm>

#include "loader/bpf/bpffs.h"
#include "loader/bpf/info.h"
#include "loader/endpoint/deny_response.h"
#include "loader/endpoint/link.h"
#include "loader/kernel/datapath.h"
#include "runtime/abi/abi.h"

namespace policyc::endpoint {
namespace {

endpoint_value value_of(const EndpointRecord& record, std::uint32_t slot, const ir::Shape& shape,
                        const Link& link) {
  endpoint_value value{};
  value.policy_slot = slot;
  value.shape_tag = shape.tag();
  value.mtu = link.leads_elsewhere ? link.mtu : 0;
  std::ranges::copy(link.mac, value.host_mac);
  if (record.mac) std::ranges::copy(*record.mac, value.mac);
  value.identity = record.identity;
  value.endpoint_id = record.id;
  const bool enforced = shape.directions[0].enforced || shape.directions[1].enforced;
  value.flags = static_cast<policyc_u16>((record.audit ? ENDPOINT_AUDIT : 0U) |
                                         (enforced ? 0U : ENDPOINT_UNENFORCED) |
                                         (link.queued ? ENDPOINT_QUEUED : 0U));
  for (const IpAddress& address : record.addresses) {
    auto* target = address.v6 ? value.ipv6 : reinterpret_cast<policyc_u8*>(&value.ipv4);
    std::copy_n(address.bytes.begin(), address.v6 ? 16 : 4, target);
  }
  return value;
}

}  // namespace

Result<void> write_entry(const Paths& paths, const maps::NodeMaps& maps, const Placement& placement,
                         Undo& undo) {
  const EndpointRecord& record = placement.record;
  const auto& endpoints = maps.endpoints;
  const std::uint32_t index = record.interface_index;
  const auto present = endpoints.lookup(index);
  if (!present) return std::unexpected(present.error());
  undo.add([&endpoints, index, old = *present] {
    if (old) {
      best_effort(endpoints.update(index, *old));
    } else {
      best_effort(endpoints.erase(index));
    }
  });
  const auto directory = paths.endpoint(record.id);
  if (auto made = bpf::ensure_directory(directory); !made) return made;
  if (placement.is_new) undo.add([directory] { best_effort(bpf::remove_tree(directory)); });
  const auto link = read_link(record.interface);
  if (!link) return std::unexpected(link.error());
  return endpoints.update(index, value_of(record, placement.slot, placement.shape, *link));
}

Result<void> follow_queue(const maps::NodeMaps& maps, const EndpointRecord& record, bool queued) {
  const auto present = maps.endpoints.lookup(record.interface_index);
  if (!present) return std::unexpected(present.error());
  if (!*present || (*present)->endpoint_id != record.id) return {};
  if (!queued) {
    const auto link = read_link(record.interface);
    if (!link) return {};  // it is gone, and the endpoint goes with it
    queued = link->queued;
  }
  endpoint_value value = **present;
  const unsigned flag = queued ? ENDPOINT_QUEUED : 0U;
  if ((value.flags & ENDPOINT_QUEUED) == flag) return {};
  value.flags = static_cast<policyc_u16>((value.flags & ~ENDPOINT_QUEUED) | flag);
  return maps.endpoints.update(record.interface_index, value);
}

Result<bool> attach_program(const Paths& paths, const EndpointRecord& record, attach::Side side,
                            const NodeProgram& program, Undo& undo) {
  const attach::Hook hook = paths.hook(record.id, record.interface_index, side, record.hook);
  const auto running = attach::attached_program(hook);
  if (!running) return std::unexpected(running.error());
  if (*running == program.id) return true;
  undo.add([hook, id = *running] {
    if (!id) return best_effort(attach::detach(hook));
    if (const auto before = bpf::open_program(*id))
      best_effort(attach::attach(hook, before->get()));
  });
  if (auto attached = attach::attach(hook, program.fd); !attached)
    return std::unexpected(attached.error());
  return running->has_value();
}

node_config_value configured(node_config_value config, const LoadRequest& request) {
  const auto set = [&config](std::uint32_t flag, std::optional<bool> wanted) {
    if (wanted) config.flags = (config.flags & ~flag) | (*wanted ? flag : 0U);
  };
  set(NODE_TRACE_VERDICTS, request.trace_verdicts);
  set(NODE_TRACE, request.trace_connections);
  set(NODE_LOCAL_DELIVERY, request.local_delivery);
  set(NODE_EGRESS_DELIVERY, request.egress_delivery);
  if (request.deny_response)
    config.flags = with_deny_response(config.flags, *request.deny_response);
  if (request.event_limit) {
    const std::uint32_t ticks = kernel::ticks_per_second();
    const std::uint32_t limit = *request.event_limit;
    config.events_per_tick = limit == 0 ? 0 : std::max(1U, limit / ticks);
  }
  return config;
}

}  // namespace policyc::endpoint
