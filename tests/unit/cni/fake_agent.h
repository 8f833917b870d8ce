#pragma once
// The node agent as a plugin sees it: answers what a test says, and keeps what it was asked.

#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <grpcpp/grpcpp.h>
#include <loader/api/policyd.grpc.pb.h>

namespace policyc::testing {

class FakeAgent final : public v1::Agent::Service {
 public:
  // Listens on the socket until it is destroyed.
  explicit FakeAgent(const std::filesystem::path& socket);
  FakeAgent(const FakeAgent&) = delete;
  FakeAgent& operator=(const FakeAgent&) = delete;
  ~FakeAgent() override;

  // What AddEndpoint does before it answers; the endpoint is known only after OK. Called by several
  // threads.
  std::function<grpc::Status(const v1::AddEndpointRequest&)> on_add = [](const auto&) {
    return grpc::Status::OK;
  };
  std::function<grpc::Status(const v1::EndpointRef&)> on_check = [](const auto&) {
    return grpc::Status::OK;
  };
  // Before CollectEndpoints does anything.
  std::function<void()> on_collect = [] {};
  v1::Status status;

  [[nodiscard]] std::vector<v1::AddEndpointRequest> added() const;
  // "container/interface" of those that are known now.
  [[nodiscard]] std::vector<std::string> known() const;
  [[nodiscard]] std::vector<v1::CollectEndpointsRequest> collected() const;

  grpc::Status GetStatus(grpc::ServerContext*, const v1::GetStatusRequest*,
                         v1::Status* reply) override;
  grpc::Status AddEndpoint(grpc::ServerContext*, const v1::AddEndpointRequest* request,
                           v1::Endpoint* reply) override;
  grpc::Status DeleteEndpoint(grpc::ServerContext*, const v1::EndpointRef* request,
                              v1::DeleteEndpointResponse* reply) override;
  grpc::Status CheckEndpoint(grpc::ServerContext*, const v1::EndpointRef* request,
                             v1::Endpoint* reply) override;
  grpc::Status ListEndpoints(grpc::ServerContext*, const v1::ListRequest*,
                             v1::EndpointList* reply) override;
  grpc::Status CollectEndpoints(grpc::ServerContext*, const v1::CollectEndpointsRequest* request,
                                v1::CollectEndpointsResponse* reply) override;

 private:
  mutable std::mutex mutex_;
  std::vector<v1::AddEndpointRequest> added_, known_;
  std::vector<v1::CollectEndpointsRequest> collected_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace policyc::testing
