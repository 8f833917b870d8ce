#pragma once
// Takes policies off interfaces: their traffic is free again.

#include <cstddef>
#include <string>

#include "compiler/support/result.h"
#include "loader/endpoint/paths.h"

namespace policyc::endpoint {

// Detaches the endpoint on that interface and removes what no other endpoint uses. An Error when
// there is none.
[[nodiscard]] Result<void> unload_endpoint(const Paths& paths, const std::string& interface);

// Removes every endpoint, map and file of ours, also those of another version, or when the state is
// damaged. Returns the number of endpoints that were detached.
[[nodiscard]] Result<std::size_t> unload_all(const Paths& paths);

// Finishes one that was cut short. Loading endpoints does so by itself; who begins with services,
// sockets or devices does it first.
[[nodiscard]] Result<void> finish_unload(const Paths& paths);

}  // namespace policyc::endpoint
