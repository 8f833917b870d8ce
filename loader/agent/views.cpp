#include "loader/agent/views.h"

#include <algorithm>
#include <chrono>

namespace policyc::agent {
namespace {

using reconcile::EndpointState;

std::int64_t as_wall_clock(TimePoint time) {
  const auto from_now = time - Clock::now();
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             (std::chrono::system_clock::now() + from_now).time_since_epoch())
      .count();
}

std::string kind_name(policy::PolicyKind kind) {
  switch (kind) {
    case policy::PolicyKind::CiliumNetworkPolicy:
      return "CiliumNetworkPolicy";
    case policy::PolicyKind::CiliumClusterwideNetworkPolicy:
      return "CiliumClusterwideNetworkPolicy";
    default:
      return "NetworkPolicy";
  }
}

std::string policy_name(const worker::PolicyInfo& policy) {
  return kind_name(policy.kind) + "/" + policy.namespace_ + (policy.namespace_.empty() ? "" : "/") +
         policy.name;
}

}  // namespace

v1::EndpointState state_of(EndpointState state) {
  switch (state) {
    case EndpointState::Waiting:
      return v1::ENDPOINT_STATE_WAITING;
    case EndpointState::Ready:
      return v1::ENDPOINT_STATE_READY;
    case EndpointState::Regenerating:
      return v1::ENDPOINT_STATE_REGENERATING;
    case EndpointState::Failed:
      return v1::ENDPOINT_STATE_FAILED;
    case EndpointState::Gone:
      return v1::ENDPOINT_STATE_GONE;
  }
  return v1::ENDPOINT_STATE_UNKNOWN;
}

std::string state_name(EndpointState state) {
  switch (state) {
    case EndpointState::Waiting:
      return "waiting";
    case EndpointState::Ready:
      return "ready";
    case EndpointState::Regenerating:
      return "regenerating";
    case EndpointState::Failed:
      return "failed";
    case EndpointState::Gone:
      return "gone";
  }
  return "unknown";
}

v1::Endpoint endpoint_view(const Agent& agent, const std::string& key) {
  v1::Endpoint view;
  const reconcile::Registration* known = agent.endpoints().registry().find(key);
  if (known == nullptr) return view;
  view.mutable_ref()->set_container_id(known->container_id);
  view.mutable_ref()->set_container_interface(known->container_interface);
  view.set_host_interface(known->host_interface);
  for (const IpAddress& address : known->addresses) view.add_addresses(address.to_string());
  view.set_network(known->network);
  view.set_pod_namespace(known->pod_namespace);
  view.set_pod_name(known->pod_name);
  if (const auto* wanted = agent.reconciler().wanted(key)) {
    for (const policy::Label& label : wanted->labels.all())
      view.add_labels(label.source + ":" + label.key + "=" + label.value);
    std::ranges::sort(*view.mutable_labels());
  }
  for (const std::string& policy : agent.policies_of(key)) view.add_policies(policy);
  const auto* status = agent.reconciler().status(key);
  if (status == nullptr) return view;
  view.set_id(status->id);
  view.set_identity(status->identity);
  view.set_state(state_of(status->state));
  view.set_shape(status->shape);
  view.set_policy_revision(agent.reconciler().revision_of(*status));
  view.set_error(status->error);
  view.set_failures(status->failures);
  if (status->next_attempt) view.set_next_attempt(as_wall_clock(*status->next_attempt));
  return view;
}

v1::EndpointList endpoints_view(const Agent& agent) {
  v1::EndpointList list;
  for (const auto& [key, registration] : agent.endpoints().registry().all())
    *list.add_endpoints() = endpoint_view(agent, key);
  return list;
}

v1::PolicyList policies_view(const Agent& agent) {
  std::map<std::string, std::uint32_t> users;
  for (const auto& [key, registration] : agent.endpoints().registry().all()) {
    for (const std::string& policy : agent.policies_of(key)) ++users[policy];
  }
  v1::PolicyList list;
  list.set_revision(agent.revision());
  for (const worker::PolicyInfo& policy : agent.policies()) {
    v1::Policy& view = *list.add_policies();
    view.set_kind(kind_name(policy.kind));
    view.set_namespace_(policy.namespace_);
    view.set_name(policy.name);
    view.set_file(policy.file);
    view.set_line(policy.line);
    const auto found = users.find(policy_name(policy));
    view.set_endpoints(found == users.end() ? 0 : found->second);
  }
  return list;
}

v1::Status status_view(const Agent& agent) {
  v1::Status view;
  view.set_healthy(agent.healthy());
  view.set_revision(agent.revision());
  view.set_realized_revision(agent.reconciler().realized());
  view.set_synced(agent.synced());
  for (const Component& component : agent.components()) {
    v1::Component& one = *view.add_components();
    one.set_name(component.name);
    one.set_healthy(component.healthy);
    one.set_message(component.message);
    one.set_since(component.since);
  }
  for (const RefusedFile& file : agent.files().refused()) {
    v1::Refused& one = *view.add_refused();
    one.set_name(file.name);
    one.set_diagnostics(file.diagnostics);
    one.set_last_good(file.last_good);
  }
  for (const auto& [key, status] : agent.reconciler().statuses())
    ++(*view.mutable_endpoints())[state_name(status.state)];
  view.set_policies(agent.policies().size());
  view.set_services(agent.service_count());
  return view;
}

Snapshot snapshot_of(const Agent& agent) {
  Snapshot snapshot;
  snapshot.policies = agent.policies().size();
  snapshot.revision = agent.reconciler().realized();
  for (const char* state : {"waiting", "ready", "regenerating", "failed", "gone"})
    snapshot.endpoints[state] = 0;
  for (const auto& [key, status] : agent.reconciler().statuses())
    ++snapshot.endpoints[state_name(status.state)];
  for (const Component& component : agent.components())
    snapshot.failing_components += component.healthy ? 0U : 1U;
  return snapshot;
}

}  // namespace policyc::agent
