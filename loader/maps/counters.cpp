#include "loader/maps/counters.h"

#include <map>
#include <tuple>

namespace policyc::maps {
namespace {

void add(metrics_value& sum, const metrics_value& value) {
  sum.packets += value.packets;
  sum.bytes += value.bytes;
}

}  // namespace

Result<std::array<Traffic, 2>> read_traffic(const NodeMaps& maps, std::uint16_t endpoint_id) {
  std::array<Traffic, 2> result;
  for (std::uint32_t direction = 0; direction < 2; ++direction) {
    const auto values = maps.traffic.lookup(endpoint_id * 2U + direction);
    if (!values) return std::unexpected(values.error());
    for (const traffic_value& value : *values) {
      add(result[direction].passed, value.passed);
      add(result[direction].dropped, value.dropped);
    }
  }
  return result;
}

Result<std::vector<Counter>> read_counters(const NodeMaps& maps) {
  std::vector<Counter> counters;
  const auto note = [&counters](std::uint32_t reason, std::uint32_t direction,
                                const metrics_value& sum) {
    if (sum.packets == 0) return;
    counters.push_back({static_cast<std::uint16_t>(reason), static_cast<std::uint8_t>(direction),
                        sum.packets, sum.bytes});
  };
  std::array<metrics_value, 2> passed{};
  const auto endpoints = maps.traffic.handle().info();
  if (!endpoints) return std::unexpected(endpoints.error());
  for (std::uint32_t index = 0; index < endpoints->max_entries; ++index) {
    const auto values = maps.traffic.lookup(index);
    if (!values) return std::unexpected(values.error());
    for (const traffic_value& value : *values) add(passed[index % 2], value.passed);
  }
  for (std::uint32_t direction = 0; direction < 2; ++direction) {
    note(DROP_NONE, direction, passed[direction]);
    for (std::uint32_t reason = 1; reason < POLICYC_MAX_REASONS; ++reason) {
      const auto values = maps.metrics.lookup(POLICYC_METRICS_INDEX(reason, direction));
      if (!values) return std::unexpected(values.error());
      metrics_value sum{};
      for (const metrics_value& value : *values) add(sum, value);
      note(reason, direction, sum);
    }
  }
  return counters;
}

Result<std::vector<RuleHits>> read_rule_hits(const NodeMaps& maps) {
  const auto order = [](const rule_hit_key& a, const rule_hit_key& b) {
    return std::tie(a.shape_tag, a.direction, a.decision) <
           std::tie(b.shape_tag, b.direction, b.decision);
  };
  std::map<rule_hit_key, metrics_value, decltype(order)> sums(order);
  const auto keys = maps.rule_hits.keys();
  if (!keys) return std::unexpected(keys.error());
  for (const rule_hit_key& key : *keys) {
    const auto values = maps.rule_hits.lookup(key);
    if (!values) return std::unexpected(values.error());
    for (const metrics_value& value : *values) add(sums[key], value);
  }
  for (std::uint32_t place = 0; place < RECENT_HITS; ++place) {
    const auto values = maps.recent_hits.lookup(place);
    if (!values) return std::unexpected(values.error());
    for (const recent_hit_value& value : *values) {
      if (value.hits.packets != 0) add(sums[value.key], value.hits);
    }
  }
  std::vector<RuleHits> result;
  for (const auto& [key, hits] : sums) result.push_back({key, hits});
  return result;
}

}  // namespace policyc::maps
