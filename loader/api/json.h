#pragma once
// Messages of the API as JSON.

#include <string>

#include <loader/api/policyd.pb.h>

namespace policyc::api {

// With every field, also those that are empty; names in lowerCamelCase.
[[nodiscard]] std::string to_json(const google::protobuf::Message& message);

}  // namespace policyc::api
