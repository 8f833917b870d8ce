#pragma once
// The API's methods (policyd.proto). Private to this folder.

#include <cstdint>
#include <string>

#include <loader/api/policyd.grpc.pb.h>

#include "loader/agent/agent.h"
#include "loader/agent/loop.h"
#include "loader/agent/metrics.h"

namespace policyc::agent {

// Methods that wait for the node have no thread of their own; the others do.
using MixedService =
    v1::Agent::WithCallbackMethod_AddEndpoint<v1::Agent::WithCallbackMethod_DeleteEndpoint<
        v1::Agent::WithCallbackMethod_CollectEndpoints<v1::Agent::Service>>>;

class Service final : public MixedService {
 public:
  Service(Loop& loop, Agent& agent, Metrics& metrics, std::string version, std::int64_t started);

  grpc::Status GetStatus(grpc::ServerContext* context, const v1::GetStatusRequest* request,
                         v1::Status* reply) override;
  grpc::Status GetConfig(grpc::ServerContext* context, const v1::GetConfigRequest* request,
                         v1::Config* reply) override;
  grpc::ServerUnaryReactor* AddEndpoint(grpc::CallbackServerContext* context,
                                        const v1::AddEndpointRequest* request,
                                        v1::Endpoint* reply) override;
  grpc::ServerUnaryReactor* DeleteEndpoint(grpc::CallbackServerContext* context,
                                           const v1::EndpointRef* request,
                                           v1::DeleteEndpointResponse* reply) override;
  grpc::ServerUnaryReactor* CollectEndpoints(grpc::CallbackServerContext* context,
                                             const v1::CollectEndpointsRequest* request,
                                             v1::CollectEndpointsResponse* reply) override;
  grpc::Status CheckEndpoint(grpc::ServerContext* context, const v1::EndpointRef* request,
                             v1::Endpoint* reply) override;
  grpc::Status ListEndpoints(grpc::ServerContext* context, const v1::ListRequest* request,
                             v1::EndpointList* reply) override;
  grpc::Status ListPolicies(grpc::ServerContext* context, const v1::ListRequest* request,
                            v1::PolicyList* reply) override;
  grpc::Status ListIdentities(grpc::ServerContext* context, const v1::ListRequest* request,
                              v1::IdentityList* reply) override;
  grpc::Status ListAddresses(grpc::ServerContext* context, const v1::ListRequest* request,
                             v1::AddressList* reply) override;
  grpc::Status ListServices(grpc::ServerContext* context, const v1::ListRequest* request,
                            v1::ServiceList* reply) override;
  grpc::Status ListMaps(grpc::ServerContext* context, const v1::ListRequest* request,
                        v1::MapList* reply) override;
  grpc::Status StreamFlows(grpc::ServerContext* context, const v1::StreamFlowsRequest* request,
                           grpc::ServerWriter<v1::Flow>* writer) override;

  // No call waits for the loop from here on.
  void close() { closed_ = true; }

 private:
  // A call that somebody else answers: whoever does so counts it.
  struct Call {
    Metrics* metrics;
    const char* method;
    grpc::ServerUnaryReactor* reactor;
    TimePoint start = Clock::now();
    void finish(const grpc::Status& status) const;
  };
  [[nodiscard]] Call begin(grpc::CallbackServerContext* context, const char* method);
  // Counts the call that `work` answers.
  [[nodiscard]] grpc::Status counted(const char* method, const std::function<grpc::Status()>& work);
  // Runs on the loop; an error when the loop does not answer in time.
  [[nodiscard]] grpc::Status on_loop(std::function<grpc::Status()> work) const;

  Loop& loop_;
  Agent& agent_;
  Metrics& metrics_;
  std::string version_;
  std::int64_t started_;
  endpoint::Paths paths_;
  std::string node_name_;
  std::atomic<bool> closed_{false};
};

}  // namespace policyc::agent
