#pragma once
// The planner's writes carried out, and what it starts from read.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "compiler/support/result.h"
#include "loader/maps/service_maps.h"
#include "loader/service/snapshot.h"
#include "loader/service/write.h"

namespace policyc::service {

// Everything in the maps. Others must not write them meanwhile.
[[nodiscard]] Result<Snapshot> read_snapshot(const maps::ServiceMaps& maps);

// In the order of `writes`; neighbours of one map go in one batch. After an Error the first part of
// them is done.
[[nodiscard]] Result<void> carry_out(const maps::ServiceMaps& maps, std::span<const Write> writes);

// The Maglev table of a service; empty when it has none.
[[nodiscard]] Result<std::vector<std::uint32_t>> read_maglev_table(const maps::ServiceMaps& maps,
                                                                   std::uint32_t service);

}  // namespace policyc::service
