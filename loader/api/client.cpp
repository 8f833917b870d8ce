#include "loader/api/client.h"

#include <grpcpp/grpcpp.h>

namespace policyc::api {
namespace {

constexpr int kMostMessage = 64 << 20;

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

template <class Reply, class Request, class Method>
Answer<Reply> call(v1::Agent::Stub& stub, Method method, const Request& request,
                   Client::Timeout timeout) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + timeout);
  Reply reply;
  const grpc::Status status = (stub.*method)(&context, request, &reply);
  if (!status.ok()) return std::unexpected(error_of(status));
  return reply;
}

}  // namespace

std::string to_string(const CallError& error) {
  return code_name(error.code) + ": " + error.message;
}

Client::Client(const std::filesystem::path& socket) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMostMessage);
  // A proxy of the environment is for other hosts.
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  stub_ = v1::Agent::NewStub(grpc::CreateCustomChannel(
      "unix:" + socket.string(), grpc::InsecureChannelCredentials(), arguments));
}

Answer<v1::Status> Client::status(Timeout timeout) {
  return call<v1::Status>(*stub_, &v1::Agent::Stub::GetStatus, v1::GetStatusRequest{}, timeout);
}
Answer<v1::Config> Client::config(Timeout timeout) {
  return call<v1::Config>(*stub_, &v1::Agent::Stub::GetConfig, v1::GetConfigRequest{}, timeout);
}
Answer<v1::Endpoint> Client::add(const v1::AddEndpointRequest& request, Timeout timeout) {
  return call<v1::Endpoint>(*stub_, &v1::Agent::Stub::AddEndpoint, request, timeout);
}
Answer<v1::DeleteEndpointResponse> Client::remove(const v1::EndpointRef& ref, Timeout timeout) {
  return call<v1::DeleteEndpointResponse>(*stub_, &v1::Agent::Stub::DeleteEndpoint, ref, timeout);
}
Answer<v1::Endpoint> Client::check(const v1::EndpointRef& ref, Timeout timeout) {
  return call<v1::Endpoint>(*stub_, &v1::Agent::Stub::CheckEndpoint, ref, timeout);
}
Answer<v1::CollectEndpointsResponse> Client::collect(const v1::CollectEndpointsRequest& request,
                                                     Timeout timeout) {
  return call<v1::CollectEndpointsResponse>(*stub_, &v1::Agent::Stub::CollectEndpoints, request,
                                            timeout);
}
Answer<v1::EndpointList> Client::endpoints(Timeout timeout) {
  return call<v1::EndpointList>(*stub_, &v1::Agent::Stub::ListEndpoints, v1::ListRequest{},
                                timeout);
}
Answer<v1::PolicyList> Client::policies(Timeout timeout) {
  return call<v1::PolicyList>(*stub_, &v1::Agent::Stub::ListPolicies, v1::ListRequest{}, timeout);
}
Answer<v1::IdentityList> Client::identities(Timeout timeout) {
  return call<v1::IdentityList>(*stub_, &v1::Agent::Stub::ListIdentities, v1::ListRequest{},
                                timeout);
}
Answer<v1::AddressList> Client::addresses(Timeout timeout) {
  return call<v1::AddressList>(*stub_, &v1::Agent::Stub::ListAddresses, v1::ListRequest{}, timeout);
}
Answer<v1::ServiceList> Client::services(Timeout timeout) {
  return call<v1::ServiceList>(*stub_, &v1::Agent::Stub::ListServices, v1::ListRequest{}, timeout);
}
Answer<v1::MapList> Client::maps(Timeout timeout) {
  return call<v1::MapList>(*stub_, &v1::Agent::Stub::ListMaps, v1::ListRequest{}, timeout);
}

std::expected<void, CallError> Client::flows(const v1::StreamFlowsRequest& request,
                                             const std::function<bool(const std::string&)>& take) {
  grpc::ClientContext context;
  const auto reader = stub_->StreamFlows(&context, request);
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
