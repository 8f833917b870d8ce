#include "loader/maps/node_maps.h"

#include <linux/bpf.h>

#include "loader/bpf/bpffs.h"
#include "loader/maps/connection_table.h"
#include "loader/maps/taker.h"

namespace policyc::maps {
namespace {

// Of each CPU: with 250 ticks a second 25,000 events a second, and half a ring at once. So a flood
// of drops costs a fixed part of a CPU, and a reader that looks ten times a second misses nothing.
constexpr std::uint32_t kEventsPerTick = 100;
constexpr std::uint32_t kEventBurst = EVENT_SLOTS / 2;

}  // namespace

Result<NodeMaps> NodeMaps::take(const std::filesystem::path& directory, const MapSizes& sizes,
                                bool make) {
  Taker taker(directory, make);
  NodeMaps maps;
  // The version first: with another ABI, the message about it helps more than one about some map's
  // sizes.
  auto header = take_header(directory, make);
  if (!header) return std::unexpected(header.error());
  maps.header_ = std::move(*header);
  constexpr std::uint32_t kSparse = BPF_F_NO_PREALLOC;
  const auto hash = BPF_MAP_TYPE_HASH;
  const auto lru = BPF_MAP_TYPE_LRU_HASH;
  const auto trie = BPF_MAP_TYPE_LPM_TRIE;
  const auto one = BPF_MAP_TYPE_ARRAY;
  auto interfaces =
      taker.take(spec<std::uint32_t, endpoint_value>("endpoints", one, sizes.interfaces));
  auto beyond = taker.take(
      spec<std::uint32_t, endpoint_value>("endpoints_beyond", hash, sizes.endpoints, kSparse));
  if (taker.failed()) return std::unexpected(*taker.failed());
  const auto reach = interfaces.info();
  if (!reach) return std::unexpected(reach.error());
  maps.endpoints =
      EndpointTable(bpf::Map<std::uint32_t, endpoint_value>(std::move(interfaces)),
                    reach->max_entries, bpf::Map<std::uint32_t, endpoint_value>(std::move(beyond)));
  maps.ipcache4 = decltype(maps.ipcache4)(
      taker.take(spec<ipcache4_key, ipcache_value>("ipcache4", hash, sizes.ipcache, kSparse)));
  maps.ipcache6 = decltype(maps.ipcache6)(
      taker.take(spec<ipcache6_key, ipcache_value>("ipcache6", hash, sizes.ipcache, kSparse)));
  maps.ipcache4_prefix = decltype(maps.ipcache4_prefix)(taker.take(
      spec<ipcache4_prefix_key, ipcache_value>("ipcache4_prefix", trie, sizes.prefixes, kSparse)));
  maps.ipcache6_prefix = decltype(maps.ipcache6_prefix)(taker.take(
      spec<ipcache6_prefix_key, ipcache_value>("ipcache6_prefix", trie, sizes.prefixes, kSparse)));
  maps.node_config = decltype(maps.node_config)(
      taker.take(spec<std::uint32_t, node_config_value>("node_config", one, 1)));
  maps.conntrack4 = decltype(maps.conntrack4)(taker.take(spec<std::uint32_t, ct4_bucket>(
      "conntrack4", one, buckets_for(sizes.conntrack), BPF_F_MMAPABLE)));
  maps.conntrack6 = decltype(maps.conntrack6)(taker.take(spec<std::uint32_t, ct6_bucket>(
      "conntrack6", one, buckets_for(sizes.conntrack), BPF_F_MMAPABLE)));
  maps.ct_table =
      decltype(maps.ct_table)(taker.take(spec<std::uint32_t, ct_table_value>("ct_table", one, 1)));
  maps.conntrack4_overflow = decltype(maps.conntrack4_overflow)(
      taker.take(spec<ct4_key, ct_value>("conntrack4_overflow", lru, sizes.conntrack_overflow)));
  maps.conntrack6_overflow = decltype(maps.conntrack6_overflow)(
      taker.take(spec<ct6_key, ct_value>("conntrack6_overflow", lru, sizes.conntrack_overflow)));
  maps.ct_pressure = decltype(maps.ct_pressure)(
      taker.take(spec<std::uint32_t, ct_pressure_value>("ct_pressure", one, 1)));
  maps.ct_collected = decltype(maps.ct_collected)(
      taker.take(spec<std::uint32_t, ct_collected_value>("ct_collected", one, 1)));
  maps.fragments = decltype(maps.fragments)(
      taker.take(spec<fragment_key, fragment_value>("fragments", lru, sizes.fragments)));
  const auto per_cpu = BPF_MAP_TYPE_PERCPU_ARRAY;
  maps.metrics = decltype(maps.metrics)(taker.take(spec<std::uint32_t, metrics_value>(
      "metrics", per_cpu, POLICYC_METRICS_INDEX(POLICYC_MAX_REASONS, 0))));
  maps.traffic = decltype(maps.traffic)(
      taker.take(spec<std::uint32_t, traffic_value>("traffic", per_cpu, 2 * sizes.endpoints)));
  maps.rule_hits = decltype(maps.rule_hits)(taker.take(spec<rule_hit_key, metrics_value>(
      "rule_hits", BPF_MAP_TYPE_PERCPU_HASH, sizes.rule_hits, kSparse)));
  maps.recent_hits = decltype(maps.recent_hits)(
      taker.take(spec<std::uint32_t, recent_hit_value>("recent_hits", per_cpu, RECENT_HITS)));
  const auto cpus = bpf::possible_cpus();
  if (!cpus) return std::unexpected(cpus.error());
  const auto rings = static_cast<std::uint32_t>(*cpus);
  maps.event_heads =
      taker.take(spec<std::uint32_t, event_head>("event_heads", one, rings, BPF_F_MMAPABLE));
  maps.event_slots = taker.take(
      spec<std::uint32_t, event>("event_slots", one, rings * EVENT_SLOTS, BPF_F_MMAPABLE));
  maps.scratch = taker.take(
      spec<std::uint32_t, policy_scratch>("policy_scratch", BPF_MAP_TYPE_PERCPU_ARRAY, 1));
  maps.policies = decltype(maps.policies)(taker.take(spec<std::uint32_t, std::uint32_t>(
      "policies", BPF_MAP_TYPE_PROG_ARRAY, POLICYC_POLICY_INDEX(sizes.shapes, 0))));
  maps.policy_finish = decltype(maps.policy_finish)(
      taker.take(spec<std::uint32_t, std::uint32_t>("policy_finish", BPF_MAP_TYPE_PROG_ARRAY, 2)));
  if (taker.failed()) return std::unexpected(*taker.failed());
  return maps;
}

Result<NodeMaps> NodeMaps::open_or_create(const std::filesystem::path& directory,
                                          const MapSizes& sizes) {
  if (auto made = bpf::ensure_directory(directory); !made) return std::unexpected(made.error());
  auto maps = take(directory, sizes, true);
  if (!maps) return maps;
  if (auto seeded = maps->seed_connection_tables(); !seeded) return std::unexpected(seeded.error());
  auto config = maps->config();
  if (!config) return std::unexpected(config.error());
  if (config->policy_epoch == 0) {
    config->flags |= NODE_LOCAL_DELIVERY;
    config->events_per_tick = kEventsPerTick;
    config->event_burst = kEventBurst;
    if (auto set = maps->set_config(*config); !set) return std::unexpected(set.error());
    if (auto raised = maps->raise_epoch(); !raised) return std::unexpected(raised.error());
  }
  return maps;
}

bool NodeMaps::exist(const std::filesystem::path& directory) {
  return bpf::exists(directory / kHeaderName) && bpf::exists(directory / "endpoints");
}

Result<NodeMaps> NodeMaps::open(const std::filesystem::path& directory) {
  if (!exist(directory))
    return fail("nothing is loaded: there are no maps in " + directory.string());
  return take(directory, MapSizes{}, false);
}

// Before any program can use them: their sizes and the seeds of their hash.
Result<void> NodeMaps::seed_connection_tables() const {
  const auto present = ct_table.lookup(0);
  if (!present) return std::unexpected(present.error());
  if ((*present)->last_bucket[0] != 0) return {};
  const auto info4 = conntrack4.handle().info();
  if (!info4) return std::unexpected(info4.error());
  const auto info6 = conntrack6.handle().info();
  if (!info6) return std::unexpected(info6.error());
  const auto table = make_ct_table(info4->max_entries, info6->max_entries);
  if (!table) return std::unexpected(table.error());
  return ct_table.update(0, *table);
}

Result<std::uint64_t> NodeMaps::instance() const {
  const auto header = header_.lookup(0);
  if (!header) return std::unexpected(header.error());
  return (*header)->instance;
}

Result<void> NodeMaps::set_instance(std::uint64_t instance) const {
  return header_.update(0, MapsHeader{POLICYC_ABI_VERSION, POLICYC_CONNECTIONS_VERSION, instance});
}

std::vector<const bpf::MapHandle*> NodeMaps::shared() const {
  return {&endpoints.array(),
          &endpoints.beyond(),
          &ipcache4.handle(),
          &ipcache6.handle(),
          &ipcache4_prefix.handle(),
          &ipcache6_prefix.handle(),
          &node_config.handle(),
          &conntrack4.handle(),
          &conntrack6.handle(),
          &conntrack4_overflow.handle(),
          &conntrack6_overflow.handle(),
          &ct_table.handle(),
          &ct_pressure.handle(),
          &ct_collected.handle(),
          &fragments.handle(),
          &metrics.handle(),
          &traffic.handle(),
          &rule_hits.handle(),
          &recent_hits.handle(),
          &event_heads,
          &event_slots,
          &scratch,
          &policies.handle(),
          &policy_finish.handle()};
}

Result<void> NodeMaps::share_with(bpf::Object& object) const {
  for (const bpf::MapHandle* map : shared()) {
    if (!object.has_map(map->name())) continue;
    if (auto reused = object.reuse_map(map->name(), map->fd()); !reused) return reused;
  }
  return {};
}

Result<node_config_value> NodeMaps::config() const {
  const auto value = node_config.lookup(0);
  if (!value) return std::unexpected(value.error());
  return **value;  // an array always has its element
}

Result<void> NodeMaps::set_config(const node_config_value& value) const {
  return node_config.update(0, value);
}

Result<std::uint32_t> NodeMaps::raise_epoch() const {
  auto value = config();
  if (!value) return std::unexpected(value.error());
  value->policy_epoch = value->policy_epoch == UINT32_MAX ? 1 : value->policy_epoch + 1;
  if (auto written = set_config(*value); !written) return std::unexpected(written.error());
  return value->policy_epoch;
}

}  // namespace policyc::maps
