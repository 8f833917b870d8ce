#include "loader/api/client.h"

#include <grpcpp/grpcpp.h>

namespace policyc::api {
namespace {

std::string code_name(grpc::StatusCode code) {
  switch (code) {
    case grpc::StatusCode::INVALID_ARGUMENT:
      return "INVALID_ARGUMENT";
    case grpc::StatusCode::ALREADY_EXISTS:
      return "ALREADY_EXISTS";
    case grpc::StatusCode::NOT_FOUND:
      return "NOT_FOUND";
    case grpc::StatusCode::FAILED_PRECONDITION:
      return "FAILED_PRECONDITION";
    case grpc::StatusCode::UNAVAILABLE:
      return "UNAVAILABLE";
    case grpc::StatusCode::DEADLINE_EXCEEDED:
      return "DEADLINE_EXCEEDED";
    default:
      return "code " + std::to_string(code);
  }
}

CallError error_of(const grpc::Status& status) {
  return {status.error_code(), status.error_message()};
}

CallError away(const Error& error) { return {grpc::StatusCode::UNAVAILABLE, error.message}; }

template <class Reply, class Request, class Method>
Answer<Reply> call(Connection& connection, Method method, const Request& request,
                   Client::Timeout timeout) {
  const auto deadline = std::chrono::system_clock::now() + timeout;
  const auto stub = connection.stub(timeout);
  if (!stub) return std::unexpected(away(stub.error()));
  grpc::ClientContext context;
  context.set_deadline(deadline);
  Reply reply;
  const grpc::Status status = ((**stub).*method)(&context, request, &reply);
  if (status.error_code() == grpc::StatusCode::UNAVAILABLE) connection.drop(*stub);
  if (!status.ok()) return std::unexpected(error_of(status));
  return reply;
}

}  // namespace

std::string to_string(const CallError& error) {
  return code_name(error.code) + ": " + error.message;
}

Client::Client(const std::filesystem::path& socket)
    : connection_(std::make_unique<Connection>(socket)) {}

Answer<v1::Status> Client::status(Timeout timeout) {
  return call<v1::Status>(*connection_, &v1::Agent::Stub::GetStatus, v1::GetStatusRequest{},
                          timeout);
}
Answer<v1::Config> Client::config(Timeout timeout) {
  return call<v1::Config>(*connection_, &v1::Agent::Stub::GetConfig, v1::GetConfigRequest{},
                          timeout);
}
Answer<v1::Endpoint> Client::add(const v1::AddEndpointRequest& request, Timeout timeout) {
  return call<v1::Endpoint>(*connection_, &v1::Agent::Stub::AddEndpoint, request, timeout);
}
Answer<v1::DeleteEndpointResponse> Client::remove(const v1::EndpointRef& ref, Timeout timeout) {
  return call<v1::DeleteEndpointResponse>(*connection_, &v1::Agent::Stub::DeleteEndpoint, ref,
                                          timeout);
}
Answer<v1::Endpoint> Client::check(const v1::EndpointRef& ref, Timeout timeout) {
  return call<v1::Endpoint>(*connection_, &v1::Agent::Stub::CheckEndpoint, ref, timeout);
}
Answer<v1::CollectEndpointsResponse> Client::collect(const v1::CollectEndpointsRequest& request,
                                                     Timeout timeout) {
  return call<v1::CollectEndpointsResponse>(*connection_, &v1::Agent::Stub::CollectEndpoints,
                                            request, timeout);
}
Answer<v1::EndpointList> Client::endpoints(Timeout timeout) {
  return call<v1::EndpointList>(*connection_, &v1::Agent::Stub::ListEndpoints, v1::ListRequest{},
                                timeout);
}
Answer<v1::PolicyList> Client::policies(Timeout timeout) {
  return call<v1::PolicyList>(*connection_, &v1::Agent::Stub::ListPolicies, v1::ListRequest{},
                              timeout);
}
Answer<v1::IdentityList> Client::identities(Timeout timeout) {
  return call<v1::IdentityList>(*connection_, &v1::Agent::Stub::ListIdentities, v1::ListRequest{},
                                timeout);
}
Answer<v1::AddressList> Client::addresses(Timeout timeout) {
  return call<v1::AddressList>(*connection_, &v1::Agent::Stub::ListAddresses, v1::ListRequest{},
                               timeout);
}
Answer<v1::ServiceList> Client::services(Timeout timeout) {
  return call<v1::ServiceList>(*connection_, &v1::Agent::Stub::ListServices, v1::ListRequest{},
                               timeout);
}
Answer<v1::MapList> Client::maps(Timeout timeout) {
  return call<v1::MapList>(*connection_, &v1::Agent::Stub::ListMaps, v1::ListRequest{}, timeout);
}

std::expected<void, CallError> Client::flows(const v1::StreamFlowsRequest& request,
                                             const std::function<bool(const std::string&)>& take) {
  const auto stub = connection_->stub(kPatience);
  if (!stub) return std::unexpected(away(stub.error()));
  grpc::ClientContext context;
  const auto reader = (*stub)->StreamFlows(&context, request);
  v1::Flow flow;
  bool stopped = false;
  while (!stopped && reader->Read(&flow)) stopped = !take(flow.json());
  if (stopped) context.TryCancel();
  const grpc::Status status = reader->Finish();
  if (!status.ok() && !stopped) return std::unexpected(error_of(status));
  return {};
}

bool has_socket(const std::filesystem::path& socket) {
  std::error_code ignored;
  return std::filesystem::is_socket(socket, ignored);
}

}  // namespace policyc::api
