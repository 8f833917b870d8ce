#include "tests/unit/cni/fake_agent.h"

#include <algorithm>
#include <stdexcept>

namespace policyc::testing {
namespace {

std::string name_of(const v1::EndpointRef& ref) {
  return ref.container_id() + "/" + ref.container_interface();
}

}  // namespace

FakeAgent::FakeAgent(const std::filesystem::path& socket) {
  status.set_synced(true);
  status.set_healthy(true);
  grpc::ServerBuilder builder;
  builder.AddListeningPort("unix:" + socket.string(), grpc::InsecureServerCredentials());
  builder.RegisterService(this);
  server_ = builder.BuildAndStart();
  if (!server_) throw std::runtime_error("the fake agent cannot listen on " + socket.string());
}

FakeAgent::~FakeAgent() { server_->Shutdown(std::chrono::system_clock::now()); }

std::vector<v1::AddEndpointRequest> FakeAgent::added() const {
  const std::lock_guard lock(mutex_);
  return added_;
}
std::vector<std::string> FakeAgent::known() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> names;
  for (const auto& request : known_) names.push_back(name_of(request.ref()));
  std::sort(names.begin(), names.end());
  return names;
}
std::vector<v1::CollectEndpointsRequest> FakeAgent::collected() const {
  const std::lock_guard lock(mutex_);
  return collected_;
}

grpc::Status FakeAgent::GetStatus(grpc::ServerContext*, const v1::GetStatusRequest*,
                                  v1::Status* reply) {
  *reply = status;
  return grpc::Status::OK;
}

grpc::Status FakeAgent::AddEndpoint(grpc::ServerContext*, const v1::AddEndpointRequest* request,
                                    v1::Endpoint* reply) {
  {
    const std::lock_guard lock(mutex_);
    added_.push_back(*request);
  }
  const grpc::Status result = on_add(*request);
  if (!result.ok()) return result;
  const std::lock_guard lock(mutex_);
  known_.push_back(*request);
  *reply->mutable_ref() = request->ref();
  reply->set_state(v1::ENDPOINT_STATE_READY);
  return result;
}

grpc::Status FakeAgent::DeleteEndpoint(grpc::ServerContext*, const v1::EndpointRef* request,
                                       v1::DeleteEndpointResponse* reply) {
  const std::lock_guard lock(mutex_);
  reply->set_existed(std::erase_if(known_, [&](const auto& one) {
                       return name_of(one.ref()) == name_of(*request);
                     }) > 0);
  return grpc::Status::OK;
}

grpc::Status FakeAgent::CheckEndpoint(grpc::ServerContext*, const v1::EndpointRef* request,
                                      v1::Endpoint*) {
  return on_check(*request);
}

grpc::Status FakeAgent::ListEndpoints(grpc::ServerContext*, const v1::ListRequest*,
                                      v1::EndpointList* reply) {
  const std::lock_guard lock(mutex_);
  for (const v1::AddEndpointRequest& one : known_) {
    v1::Endpoint& endpoint = *reply->add_endpoints();
    *endpoint.mutable_ref() = one.ref();
    endpoint.set_host_interface(one.host_interface());
    endpoint.set_network(one.network());
  }
  return grpc::Status::OK;
}

grpc::Status FakeAgent::CollectEndpoints(grpc::ServerContext*,
                                         const v1::CollectEndpointsRequest* request,
                                         v1::CollectEndpointsResponse* reply) {
  on_collect();
  const std::lock_guard lock(mutex_);
  collected_.push_back(*request);
  std::erase_if(known_, [&](const v1::AddEndpointRequest& one) {
    const bool valid =
        std::any_of(request->valid().begin(), request->valid().end(),
                    [&](const v1::EndpointRef& ref) { return name_of(ref) == name_of(one.ref()); });
    if (one.network() != request->network() || valid) return false;
    *reply->add_removed() = one.ref();
    return true;
  });
  return grpc::Status::OK;
}

}  // namespace policyc::testing
