#include "loader/maps/node_maps.h"

#include <algorithm>
#include <tuple>

#include <linux/bpf.h>

#include "loader/bpf/bpffs.h"

namespace policyc::maps {
namespace {

constexpr const char* kHeaderName = "policyc_header";

template <class Key, class Value>
bpf::MapSpec spec(const char* name, std::uint32_t type, std::uint32_t entries,
                  std::uint32_t flags = 0) {
  return {name, type, sizeof(Key), sizeof(Value), entries, flags};
}

// Opens or makes one map after the other until one fails.
class Taker {
 public:
  Taker(std::filesystem::path directory, bool make)
      : directory_(std::move(directory)), make_(make) {}

  bpf::MapHandle take(const bpf::MapSpec& wanted) {
    if (failed_) return {};
    const auto path = directory_ / wanted.name;
    auto handle =
        make_ ? bpf::MapHandle::open_or_create(wanted, path) : bpf::MapHandle::open(wanted, path);
    if (!handle) {
      failed_ = handle.error();
      return {};
    }
    return std::move(*handle);
  }
  [[nodiscard]] const std::optional<Error>& failed() const { return failed_; }

 private:
  std::filesystem::path directory_;
  bool make_;
  std::optional<Error> failed_;
};

}  // namespace

Result<NodeMaps> NodeMaps::take(const std::filesystem::path& directory, const MapSizes& sizes,
                                bool make) {
  Taker taker(directory, make);
  NodeMaps maps;
  // The version first: with another ABI, the message about it helps more than one about some map's
  // sizes.
  maps.header_ = bpf::Map<std::uint32_t, Header>(
      taker.take(spec<std::uint32_t, Header>(kHeaderName, BPF_MAP_TYPE_ARRAY, 1)));
  if (taker.failed()) return std::unexpected(*taker.failed());
  auto header = maps.header_.lookup(0);
  if (!header) return std::unexpected(header.error());
  if (make && (*header)->abi_version == 0) {
    (*header)->abi_version = POLICYC_ABI_VERSION;
    if (auto written = maps.header_.update(0, **header); !written)
      return std::unexpected(written.error());
  }
  if ((*header)->abi_version != POLICYC_ABI_VERSION) {
    return fail("the maps in " + directory.string() + " have ABI version " +
                std::to_string((*header)->abi_version) + "; this policyc has version " +
                std::to_string(POLICYC_ABI_VERSION) +
                ": unload everything with the policyc that made them");
  }
  constexpr std::uint32_t kSparse = BPF_F_NO_PREALLOC;
  const auto hash = BPF_MAP_TYPE_HASH;
  const auto lru = BPF_MAP_TYPE_LRU_HASH;
  const auto trie = BPF_MAP_TYPE_LPM_TRIE;
  const auto one = BPF_MAP_TYPE_ARRAY;
  maps.endpoints = decltype(maps.endpoints)(
      taker.take(spec<std::uint32_t, endpoint_value>("endpoints", hash, sizes.endpoints, kSparse)));
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
  maps.conntrack4 = decltype(maps.conntrack4)(
      taker.take(spec<ct4_key, ct_value>("conntrack4", lru, sizes.conntrack)));
  maps.conntrack6 = decltype(maps.conntrack6)(
      taker.take(spec<ct6_key, ct_value>("conntrack6", lru, sizes.conntrack)));
  maps.fragments = decltype(maps.fragments)(
      taker.take(spec<fragment_key, fragment_value>("fragments", lru, sizes.fragments)));
  maps.metrics = decltype(maps.metrics)(
      taker.take(spec<metrics_key, metrics_value>("metrics", BPF_MAP_TYPE_PERCPU_HASH, 1024)));
  maps.forwarded = decltype(maps.forwarded)(
      taker.take(spec<std::uint32_t, metrics_value>("forwarded", BPF_MAP_TYPE_PERCPU_ARRAY, 2)));
  maps.events = taker.take({"events", BPF_MAP_TYPE_RINGBUF, 0, 0, sizes.events_bytes, 0});
  maps.lost_events = decltype(maps.lost_events)(
      taker.take(spec<std::uint32_t, std::uint64_t>("lost_events", BPF_MAP_TYPE_PERCPU_ARRAY, 1)));
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
  auto config = maps->config();
  if (!config) return std::unexpected(config.error());
  if (config->policy_epoch == 0) {
    if (auto raised = maps->raise_epoch(); !raised) return std::unexpected(raised.error());
  }
  return maps;
}

Result<NodeMaps> NodeMaps::open(const std::filesystem::path& directory) {
  if (!bpf::exists(directory / kHeaderName))
    return fail("nothing is loaded: there are no maps in " + directory.string());
  return take(directory, MapSizes{}, false);
}

Result<std::uint64_t> NodeMaps::instance() const {
  const auto header = header_.lookup(0);
  if (!header) return std::unexpected(header.error());
  return (*header)->instance;
}

Result<void> NodeMaps::set_instance(std::uint64_t instance) const {
  return header_.update(0, Header{POLICYC_ABI_VERSION, 0, instance});
}

std::vector<const bpf::MapHandle*> NodeMaps::shared() const {
  return {&endpoints.handle(),       &ipcache4.handle(),
          &ipcache6.handle(),        &ipcache4_prefix.handle(),
          &ipcache6_prefix.handle(), &node_config.handle(),
          &conntrack4.handle(),      &conntrack6.handle(),
          &fragments.handle(),       &metrics.handle(),
          &forwarded.handle(),       &events,
          &lost_events.handle(),     &scratch,
          &policies.handle(),        &policy_finish.handle()};
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

Result<std::vector<Counter>> read_counters(const NodeMaps& maps) {
  std::vector<Counter> counters;
  const auto add = [&counters](std::uint16_t reason, std::uint8_t direction,
                               const Result<std::vector<metrics_value>>& values) -> Result<void> {
    if (!values) return std::unexpected(values.error());
    Counter counter{reason, direction, 0, 0};
    for (const metrics_value& value : *values) {
      counter.packets += value.packets;
      counter.bytes += value.bytes;
    }
    if (counter.packets != 0) counters.push_back(counter);
    return {};
  };
  for (const policyc_direction direction : {POLICYC_INGRESS, POLICYC_EGRESS}) {
    if (auto done = add(DROP_NONE, direction, maps.forwarded.lookup(direction)); !done)
      return std::unexpected(done.error());
  }
  const auto keys = maps.metrics.keys();
  if (!keys) return std::unexpected(keys.error());
  for (const metrics_key& key : *keys) {
    if (auto done = add(key.reason, key.direction, maps.metrics.lookup(key)); !done)
      return std::unexpected(done.error());
  }
  std::sort(counters.begin(), counters.end(), [](const Counter& a, const Counter& b) {
    return std::tie(a.direction, a.reason) < std::tie(b.direction, b.reason);
  });
  return counters;
}

Result<std::uint64_t> read_lost_events(const NodeMaps& maps) {
  const auto values = maps.lost_events.lookup(0);
  if (!values) return std::unexpected(values.error());
  std::uint64_t total = 0;
  for (const std::uint64_t value : *values) total += value;
  return total;
}

}  // namespace policyc::maps
