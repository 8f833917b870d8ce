#include "loader/cni/agent.h"

#include <grpcpp/grpcpp.h>

namespace policyc::cni {
namespace {

bool is_away(const api::CallError& error) {
  return error.code == grpc::StatusCode::UNAVAILABLE ||
         error.code == grpc::StatusCode::DEADLINE_EXCEEDED;
}

std::unexpected<Failure> failed(const char* what, const api::CallError& error,
                                Code refused = Code::Agent) {
  if (is_away(error))
    return refuse(Code::TryLater, std::string("the agent cannot ") + what + " now",
                  api::to_string(error));
  return refuse(refused, std::string("the agent refused to ") + what + ": " + error.message,
                api::to_string(error));
}

v1::EndpointRef ref_of(const ipam::Owner& owner) {
  v1::EndpointRef ref;
  ref.set_container_id(owner.container);
  ref.set_container_interface(owner.interface);
  return ref;
}

}  // namespace

Expected<void> Agent::add(const v1::AddEndpointRequest& request) {
  const auto answer = client_.add(request, timeout_);
  if (!answer) return failed("enforce the endpoint's policy", answer.error());
  return {};
}

Expected<void> Agent::remove(const Environment& environment) {
  const auto answer =
      client_.remove(ref_of({environment.container, environment.interface}), timeout_);
  if (!answer) return failed("forget the endpoint", answer.error());
  return {};
}

Expected<void> Agent::check(const Environment& environment) {
  const auto answer =
      client_.check(ref_of({environment.container, environment.interface}), timeout_);
  if (!answer) return failed("vouch for the endpoint", answer.error(), Code::Check);
  return {};
}

Expected<std::vector<ipam::Owner>> Agent::collect(const std::string& network,
                                                  const std::set<ipam::Owner>& valid) {
  v1::CollectEndpointsRequest request;
  request.set_network(network);
  for (const ipam::Owner& owner : valid) *request.add_valid() = ref_of(owner);
  const auto answer = client_.collect(request, timeout_);
  if (!answer) return failed("remove endpoints that are not valid", answer.error());
  std::vector<ipam::Owner> removed;
  for (const v1::EndpointRef& ref : answer->removed())
    removed.push_back({ref.container_id(), ref.container_interface()});
  return removed;
}

Expected<std::map<ipam::Owner, std::string>> Agent::others(const std::string& network,
                                                           const std::set<ipam::Owner>& valid) {
  const auto all = client_.endpoints(timeout_);
  if (!all) return failed("list endpoints", all.error());
  std::map<ipam::Owner, std::string> others;
  for (const v1::Endpoint& endpoint : all->endpoints()) {
    if (endpoint.state() == v1::ENDPOINT_STATE_GONE) continue;  // the name may be another's now
    const v1::EndpointRef& ref = endpoint.ref();
    ipam::Owner owner{ref.container_id(), ref.container_interface()};
    if (endpoint.network() == network && !valid.contains(owner))
      others.emplace(std::move(owner), endpoint.host_interface());
  }
  return others;
}

Expected<void> Agent::status() {
  const auto answer = client_.status(timeout_);
  if (!answer)
    return refuse(Code::NotAvailable, "the agent does not answer", api::to_string(answer.error()));
  for (const v1::Component& component : answer->components()) {
    if (component.name() == "datapath" && !component.healthy())
      return refuse(Code::Limited, "the node's datapath does not work", component.message());
  }
  if (!answer->synced())
    return refuse(Code::NotAvailable, "the agent does not know yet what to enforce");
  return {};
}

}  // namespace policyc::cni
