#pragma once
// From the maps of another ABI version to ours, without a moment in which a packet meets no policy.
//
// What is pinned is set aside and runs on. A new node is made beside it, with the connections of
// the old one and the services and translations that they belong to where their tables are alike,
// and endpoints are loaded there one by one: each hook runs the old program with the old maps, or
// the new one with the new maps. When nobody runs the old programs any more they go. A process that
// ends in between is followed up by the next call. Links of sockets and devices are the caller's to
// be given new programs: these read what endpoints and services have written, so they come last.

#include <cstddef>
#include <cstdint>
#include <optional>

#include "compiler/support/result.h"
#include "loader/endpoint/paths.h"
#include "loader/maps/node_maps.h"

namespace policyc::endpoint {

struct TakeOver {
  std::uint32_t abi_version = 0;  // of the maps that were set aside
  bool connections = false;       // those that they track are known to the new node
};

// Sets maps of another ABI version aside and makes new ones. Nothing when there are none: the
// node's are of this version, or nothing is loaded. The state that belonged to them is forgotten:
// endpoints have to be loaded again.
[[nodiscard]] Result<std::optional<TakeOver>> take_over(const Paths& paths,
                                                        const maps::MapSizes& sizes);

// Removes what was set aside as far as loaded endpoints have taken its place or interfaces are
// gone. Returns the number of interfaces that are still enforced by it.
[[nodiscard]] Result<std::size_t> retire_replaced(const Paths& paths);

// Whether something is set aside.
[[nodiscard]] bool has_replaced(const Paths& paths);

}  // namespace policyc::endpoint
