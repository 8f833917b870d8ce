#pragma once
// The shapes of Service, EndpointSlice and Endpoints, as data for policy::schema::check().

#include "compiler/policy/schema.h"

namespace policyc::service {

[[nodiscard]] const policy::schema::Type& service_schema();
[[nodiscard]] const policy::schema::Type& endpoint_slice_schema();
[[nodiscard]] const policy::schema::Type& endpoints_schema();

}  // namespace policyc::service
