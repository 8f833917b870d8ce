#pragma once
// Asks the node agent.

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include <loader/api/policyd.grpc.pb.h>

#include "compiler/support/result.h"
#include "loader/api/connection.h"

namespace policyc::api {

inline constexpr const char* kSocket = "/run/policyc/policyd.sock";

// Why a call failed: the agent's code and text.
struct CallError {
  grpc::StatusCode code = grpc::StatusCode::UNKNOWN;
  std::string message;
};
template <class Reply>
using Answer = std::expected<Reply, CallError>;

// "UNAVAILABLE: it took too long".
[[nodiscard]] std::string to_string(const CallError& error);

class Client {
 public:
  // Connects with the first call, and again with the next one after a connection is lost. Nobody
  // there: UNAVAILABLE at once.
  explicit Client(const std::filesystem::path& socket = kSocket);

  using Timeout = std::chrono::milliseconds;
  static constexpr Timeout kPatience{30'000};

  [[nodiscard]] Answer<v1::Status> status(Timeout timeout = kPatience);
  [[nodiscard]] Answer<v1::Config> config(Timeout timeout = kPatience);
  [[nodiscard]] Answer<v1::Endpoint> add(const v1::AddEndpointRequest& request,
                                         Timeout timeout = kPatience);
  [[nodiscard]] Answer<v1::DeleteEndpointResponse> remove(const v1::EndpointRef& ref,
                                                          Timeout timeout = kPatience);
  [[nodiscard]] Answer<v1::Endpoint> check(const v1::EndpointRef& ref, Timeout timeout = kPatience);
  [[nodiscard]] Answer<v1::CollectEndpointsResponse> collect(
      const v1::CollectEndpointsRequest& request, Timeout timeout = kPatience);
  [[nodiscard]] Answer<v1::EndpointList> endpoints(Timeout timeout = kPatience);
  [[nodiscard]] Answer<v1::PolicyList> policies(Timeout timeout = kPatience);
  [[nodiscard]] Answer<v1::IdentityList> identities(Timeout timeout = kPatience);
  [[nodiscard]] Answer<v1::AddressList> addresses(Timeout timeout = kPatience);
  [[nodiscard]] Answer<v1::ServiceList> services(Timeout timeout = kPatience);
  [[nodiscard]] Answer<v1::MapList> maps(Timeout timeout = kPatience);
  // Until the agent has no more, or `take` returns false.
  [[nodiscard]] std::expected<void, CallError> flows(
      const v1::StreamFlowsRequest& request, const std::function<bool(const std::string&)>& take);

 private:
  std::unique_ptr<Connection> connection_;
};

// Whether something is there to ask: a socket, though perhaps nobody behind it.
[[nodiscard]] bool has_socket(const std::filesystem::path& socket = kSocket);

}  // namespace policyc::api
