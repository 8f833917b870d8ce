// loader/maps: the node's maps and the IP cache.

#include <atomic>
#include <cstring>
#include <thread>

#include <gmock/gmock.h>
#include <linux/bpf.h>

#include "loader/bpf/bpffs.h"
#include "loader/maps/connection_table.h"
#include "loader/maps/counters.h"
#include "loader/maps/ipcache.h"
#include "loader/maps/node_maps.h"
#include "loader/maps/service_maps.h"
#include "tests/unit/loader/programs.h"
#include "tests/unit/loader/sandbox.h"

namespace policyc::testing {
namespace {

using maps::IpCache;
using maps::NodeMaps;
using ::testing::HasSubstr;

class MapsTest : public KernelTest {
 protected:
  [[nodiscard]] NodeMaps open() const {
    return must(NodeMaps::open_or_create(paths_.maps(), small_));
  }
  static IpPrefix prefix(const std::string& text) { return *parse_ip_prefix(text); }

  // Loads the object with the maps of the node and of its services; the names of those that it has
  // of them. All others must be the shape's own.
  [[nodiscard]] std::vector<std::string> shared_maps(const NodeMaps& maps,
                                                     std::span<const std::uint8_t> bytes) const {
    auto object = must(bpf::Object::open(bytes, "object"));
    must(maps.share_with(object));
    must(must(maps::ServiceMaps::open_or_create(paths_.maps(), {})).share_with(object));
    must(object.load());
    std::vector<std::string> shared;
    for (const auto& map : object.maps()) {
      // Holds nothing that the next datapath needs.
      if (map.name == "answer_state") continue;
      if (map.name.starts_with("policy_rows_") || map.name.starts_with("policy_matrix_")) continue;
      const auto pinned = must(bpf::open_pinned(paths_.maps() / map.name));
      EXPECT_EQ(must(bpf::map_info(must(object.map_fd(map.name)))).id,
                must(bpf::map_info(pinned.get())).id)
          << map.name << " would not be shared by the node";
      shared.push_back(map.name);
    }
    return shared;
  }

  maps::MapSizes small_{.interfaces = 64,
                        .endpoints = 64,
                        .ipcache = 64,
                        .prefixes = 64,
                        .conntrack = 128,
                        .fragments = 64,
                        .conntrack_overflow = 64,
                        .rule_hits = 64};
};

TEST_F(MapsTest, MapsOutliveTheirMaker) {
  EXPECT_FALSE(NodeMaps::open(paths_.maps()));
  const std::uint32_t id = must(open().endpoints.array().info()).id;
  const NodeMaps again = open();
  EXPECT_EQ(must(again.endpoints.array().info()).id, id);
  EXPECT_EQ(must(again.conntrack4.handle().info()).max_entries, 128U / CT_BUCKET_SLOTS);
  EXPECT_TRUE(NodeMaps::open(paths_.maps()));
}

TEST_F(MapsTest, ConnectionTablesAreSizedInBucketsAndKeepTheirSeeds) {
  EXPECT_EQ(maps::buckets_for(1), 2U);
  EXPECT_EQ(maps::buckets_for(32), 2U);
  EXPECT_EQ(maps::buckets_for(33), 4U);
  EXPECT_EQ(maps::buckets_for(65536), 4096U);
  EXPECT_EQ(maps::buckets_for(65537), 8192U);
  const ct_table_value table = *must(open().ct_table.lookup(0));
  EXPECT_EQ(table.last_bucket[0], 128U / CT_BUCKET_SLOTS - 1);
  EXPECT_EQ(table.last_bucket[1], 128U / CT_BUCKET_SLOTS - 1);
  for (const std::uint64_t seed : table.seed) EXPECT_NE(seed, 0U);
  const ct_table_value again = *must(open().ct_table.lookup(0));
  EXPECT_EQ(std::memcmp(&table, &again, sizeof table), 0) << "entries would not be found any more";
  const ct_table_value other = must(maps::make_ct_table(2, 2));
  EXPECT_NE(std::memcmp(&table.seed, &other.seed, sizeof table.seed), 0);
}

TEST_F(MapsTest, AnotherAbiVersionIsRefused) {
  static_cast<void>(open());
  const auto header = must(bpf::MapHandle::open({"policyc_header", BPF_MAP_TYPE_ARRAY, 4, 16, 1, 0},
                                                paths_.maps() / "policyc_header"));
  const std::uint32_t key = 0;
  std::array<std::uint32_t, 4> content{};
  must(header.lookup_raw(&key, content.data()));
  EXPECT_EQ(content[0], static_cast<std::uint32_t>(POLICYC_ABI_VERSION));
  content[0] = 4711;
  must(header.update_raw(&key, content.data(), 0));
  const auto refused = NodeMaps::open_or_create(paths_.maps(), small_);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("ABI version 4711"));
}

TEST_F(MapsTest, AMapOfOtherSizesIsRefused) {
  static_cast<void>(open());
  const auto path = paths_.maps() / "conntrack4";
  const auto other =
      must(bpf::MapHandle::create({"conntrack4", BPF_MAP_TYPE_LRU_HASH, 16, 48, 8, 0}));
  must(bpf::pin_replacing(other.fd(), path));
  const auto refused = NodeMaps::open_or_create(paths_.maps(), small_);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("conntrack4"));
  EXPECT_THAT(refused.error().message, HasSubstr("48"));
}

TEST_F(MapsTest, AnEndpointThatGetsAnotherIdentityIsSomebodyAllTheTime) {
  const NodeMaps maps = open();
  constexpr std::uint32_t kInterface = 2;
  endpoint_value value{};
  value.endpoint_id = 7;
  must(maps.endpoints.update(kInterface, value));
  std::atomic<bool> done = false;
  std::size_t looks = 0;
  std::size_t nobody = 0;
  std::thread reader([&] {
    while (!done || looks < 1000) {
      ++looks;
      if (!must(maps.endpoints.lookup(kInterface))) ++nobody;
    }
  });
  for (std::uint32_t identity = 1; identity < 20'000; ++identity) {
    value.identity = identity;
    must(maps.endpoints.update(kInterface, value));
  }
  done = true;
  reader.join();
  EXPECT_EQ(nobody, 0U) << "of " << looks;
}

TEST_F(MapsTest, TheEpochStartsAboveZeroAndRises) {
  const NodeMaps maps = open();
  EXPECT_EQ(must(maps.config()).policy_epoch, 1U);
  EXPECT_EQ(must(maps.raise_epoch()), 2U);
  EXPECT_EQ(must(open().config()).policy_epoch, 2U);
  auto config = must(maps.config());
  config.policy_epoch = 0xffffffff;
  must(maps.set_config(config));
  EXPECT_EQ(must(maps.raise_epoch()), 1U) << "0 means that nothing is configured";
}

TEST_F(MapsTest, IpCacheHoldsWhatWasWritten) {
  const NodeMaps maps = open();
  const IpCache wanted{{prefix("10.0.0.1/32"), {300, 3}},
                       {prefix("10.0.0.0/8"), {0x01000001, 4}},
                       {prefix("0.0.0.0/0"), {9, 5}},
                       {prefix("fd00::1/128"), {300, 3}},
                       {prefix("fd00::/64"), {0x01000002, 6}}};
  const auto first = must(maps::write_ipcache(maps, wanted));
  EXPECT_EQ(first.added, 5U);
  EXPECT_EQ(must(maps::read_ipcache(maps)), wanted);
  EXPECT_EQ(must(maps.ipcache4.lookup({0x0100000a}))->peer_class, 3U)
      << "addresses are in network order";
  EXPECT_FALSE(must(maps::write_ipcache(maps, wanted)).any());
}

TEST_F(MapsTest, IpCacheWritesOnlyDifferences) {
  const NodeMaps maps = open();
  must(maps::write_ipcache(maps,
                           {{prefix("10.0.0.1/32"), {300, 3}}, {prefix("10.0.0.2/32"), {301, 4}}}));
  const IpCache wanted{{prefix("10.0.0.1/32"), {300, 7}}, {prefix("10.0.0.3/32"), {302, 5}}};
  const auto change = must(maps::write_ipcache(maps, wanted));
  EXPECT_EQ(change.added, 1U);
  EXPECT_EQ(change.changed, 1U);
  EXPECT_EQ(change.removed, 1U);
  EXPECT_EQ(must(maps::read_ipcache(maps)), wanted);
}

TEST_F(MapsTest, PrefixFlagsFollowTheTries) {
  const NodeMaps maps = open();
  const auto flags = [&maps] {
    return must(maps.config()).flags & (NODE_HAS_PREFIXES4 | NODE_HAS_PREFIXES6);
  };
  must(maps::write_ipcache(maps, {{prefix("10.0.0.1/32"), {300, 3}}}));
  EXPECT_EQ(flags(), 0U);
  must(maps::write_ipcache(maps, {{prefix("10.0.0.0/8"), {300, 3}}}));
  EXPECT_EQ(flags(), NODE_HAS_PREFIXES4);
  must(maps::write_ipcache(maps, {{prefix("fd00::/8"), {300, 3}}}));
  EXPECT_EQ(flags(), NODE_HAS_PREFIXES6);
  must(maps::write_ipcache(maps, {}));
  EXPECT_EQ(flags(), 0U);
}

TEST_F(MapsTest, AFullIpCacheIsAnError) {
  const NodeMaps maps = open();
  IpCache wanted;
  for (int i = 0; i < 65; ++i) wanted[prefix("10.0.0." + std::to_string(i) + "/32")] = {300, 3};
  const auto refused = maps::write_ipcache(maps, wanted);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("ipcache4"));
}

TEST_F(MapsTest, AHundredThousandAddressesAreWrittenAndReadBack) {
  maps::MapSizes sizes = small_;
  sizes.ipcache = 100'000;
  const NodeMaps maps = must(NodeMaps::open_or_create(paths_.maps(), sizes));
  IpCache wanted;
  for (std::uint32_t i = 0; i < 100'000; ++i) {
    wanted[prefix("10." + std::to_string(i >> 16) + "." + std::to_string((i >> 8) & 255) + "." +
                  std::to_string(i & 255) + "/32")] = {256 + i, 1 + i % 100, i % 7};
  }
  EXPECT_EQ(must(maps::write_ipcache(maps, wanted)).added, 100'000U);
  EXPECT_EQ(must(maps::read_ipcache(maps)), wanted);
  wanted.begin()->second.peer_class = 7;
  const auto change = must(maps::write_ipcache(maps, wanted));
  EXPECT_EQ(change.changed, 1U);
  EXPECT_EQ(change.added + change.removed, 0U);
}

TEST_F(MapsTest, CountersAreSummedOverCpus) {
  const NodeMaps maps = open();
  const auto cpus = must(bpf::possible_cpus());
  const std::vector<metrics_value> dropped(cpus, metrics_value{2, 100});
  const std::uint32_t denied = POLICYC_METRICS_INDEX(DROP_POLICY_DENY, POLICYC_EGRESS);
  must(maps.metrics.handle().update_raw(&denied, dropped.data(), 0));
  const std::vector<traffic_value> passed(cpus, traffic_value{{3, 50}, {}});
  for (const std::uint32_t endpoint : {1U, 7U}) {
    const std::uint32_t index = endpoint * 2 + POLICYC_INGRESS;
    must(maps.traffic.handle().update_raw(&index, passed.data(), 0));
  }
  const auto counters = must(maps::read_counters(maps));
  ASSERT_EQ(counters.size(), 2U);
  EXPECT_EQ(counters[0].reason, DROP_NONE);
  EXPECT_EQ(counters[0].direction, POLICYC_INGRESS);
  EXPECT_EQ(counters[0].packets, 6 * cpus) << "of all endpoints";
  EXPECT_EQ(counters[1].packets, 2 * cpus);
  EXPECT_EQ(counters[1].bytes, 100 * cpus);
  EXPECT_EQ(counters[1].reason, DROP_POLICY_DENY);
  EXPECT_EQ(counters[1].direction, POLICYC_EGRESS);
}

TEST_F(MapsTest, TheDatapathFitsTheMaps) {
  const NodeMaps maps = open();
  EXPECT_EQ(shared_maps(maps, backend::datapath_object()).size(), 35U);
}

TEST_F(MapsTest, APolicyUsesTheNodesScratchAndFinish) {
  const NodeMaps maps = open();
  const auto bytes = compile_policies(
      "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: web, namespace: "
      "shop}\nspec:\n"
      "  endpointSelector: {matchLabels: {app: web}}\n  ingress: [{fromEndpoints: [{matchLabels: "
      "{app: client}}]}]\n");
  EXPECT_THAT(shared_maps(maps, bytes.at(0)),
              ::testing::UnorderedElementsAre("policy_scratch", "policy_finish"));
}

}  // namespace
}  // namespace policyc::testing
