#pragma once
// How full the maps are that may fill up: those of the node, of services and of devices.

#include <cstddef>
#include <string>
#include <vector>

#include "compiler/support/result.h"
#include "loader/endpoint/paths.h"
#include "loader/maps/node_maps.h"

namespace policyc::endpoint {

struct TableStatus {
  std::string name;
  std::size_t entries = 0;
  std::size_t capacity = 0;
};

// ipcache4 ... conntrack6_overflow, endpoints, endpoints_beyond; and where they are there those of
// services (numbers that are given, in "services" and "backends") and of devices.
[[nodiscard]] Result<std::vector<TableStatus>> tables_of(const Paths& paths,
                                                         const maps::NodeMaps& maps);
// None when no map is there.
[[nodiscard]] Result<std::vector<TableStatus>> read_tables(const Paths& paths);

}  // namespace policyc::endpoint
