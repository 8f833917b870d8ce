#pragma once
// What the programs count, summed over the CPUs.

#include <array>
#include <cstdint>
#include <vector>

#include "compiler/support/result.h"
#include "loader/maps/node_maps.h"

namespace policyc::maps {

// Packets and bytes (from the network header on) of one outcome.
struct Counter {
  std::uint16_t reason = 0;    // policyc_drop_reason; 0: forwarded
  std::uint8_t direction = 0;  // policyc_direction
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;
};
// Of the node, those that are not 0: by direction, then by reason.
[[nodiscard]] Result<std::vector<Counter>> read_counters(const NodeMaps& maps);

// Of one endpoint, by policyc_direction.
struct Traffic {
  metrics_value passed{};
  metrics_value dropped{};
};
[[nodiscard]] Result<std::array<Traffic, 2>> read_traffic(const NodeMaps& maps,
                                                          std::uint16_t endpoint_id);

// What a rule decided: first packets of connections, and every packet that it denied.
struct RuleHits {
  rule_hit_key key{};
  metrics_value hits{};
};
// By shape, direction and decision.
[[nodiscard]] Result<std::vector<RuleHits>> read_rule_hits(const NodeMaps& maps);

}  // namespace policyc::maps
