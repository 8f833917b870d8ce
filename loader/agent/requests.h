#pragma once
// Between the API's messages and the agent's terms. Private to this folder.

#include <optional>
#include <string>

#include <loader/api/policyd.grpc.pb.h>

#include "compiler/support/result.h"
#include "loader/agent/endpoints.h"
#include "loader/reconcile/registry.h"

namespace policyc::agent {

// Errors say what is wrong with the request.
[[nodiscard]] Result<std::string> key_of(const v1::EndpointRef& ref);
[[nodiscard]] Result<reconcile::Registration> registration_of(
    const v1::AddEndpointRequest& request);

[[nodiscard]] grpc::Status to_status(const std::optional<ApiError>& error);

template <class Message>
[[nodiscard]] grpc::Status take(Result<Message> result, Message& reply) {
  if (!result) return {grpc::StatusCode::UNAVAILABLE, result.error().message};
  reply = std::move(*result);
  return grpc::Status::OK;
}

}  // namespace policyc::agent
