// loader/endpoint/peers: what an address that comes or goes writes.

#include "loader/endpoint/peers.h"

#include <array>

#include <gmock/gmock.h>
#include <linux/bpf.h>

#include "tests/unit/loader/sandbox.h"
#include "tests/unit/loader/shapes.h"

namespace policyc::testing {
namespace {

using endpoint::LoadedShape;
using endpoint::NodePeers;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

IpPrefix address(std::uint32_t number) {
  return host_prefix(*parse_ip_address("10.0." + std::to_string(number / 250) + "." +
                                       std::to_string(number % 250)));
}

// A shape with maps, of which nothing is loaded.
LoadedShape shape_of(const std::string& key, std::uint32_t peers, std::uint32_t elements = 16) {
  LoadedShape loaded;
  loaded.key = key;
  loaded.shape = peers_shape(peers);
  loaded.maps[0].rows = decltype(loaded.maps[0].rows)(must(bpf::MapHandle::create(
      {"policy_rows_in", BPF_MAP_TYPE_ARRAY, 4, sizeof(policy_rows_value), elements, 0})));
  const ir::DirectionShape& part = loaded.shape.directions[0];
  if (!part.uses_matrix()) return loaded;
  loaded.maps[0].matrix =
      must(bpf::MapHandle::create({"policy_matrix_in", BPF_MAP_TYPE_ARRAY, 4,
                                   static_cast<std::uint32_t>(part.row_bytes()), 64, 0}));
  return loaded;
}

struct Content {
  maps::IpCache ipcache;
  std::vector<std::vector<std::uint16_t>> rows;
  node_config_value config{};
};

class PeersTest : public KernelTest {
 protected:
  void SetUp() override {
    KernelTest::SetUp();
    maps_ = must(maps::NodeMaps::open_or_create(paths_.maps(), {64, 1024, 64, 64, 64, 65536, 64}));
  }
  template <class... Shapes>
  NodePeers open(Shapes... given) {
    std::vector<LoadedShape> shapes;
    (shapes.push_back(std::move(given)), ...);
    for (const LoadedShape& shape : shapes)
      rows_.push_back(bpf::MapHandle("rows", bpf::Fd(::dup(shape.maps[0].rows.fd()))));
    return must(NodePeers::open(maps_, std::move(shapes), {}));
  }
  [[nodiscard]] Content content() const {
    Content result;
    result.ipcache = must(maps::read_ipcache(maps_));
    result.config = must(maps_.config());
    for (const bpf::MapHandle& map : rows_) {
      auto& rows = result.rows.emplace_back();
      for (std::uint32_t index = 0; index < must(map.info()).max_entries; ++index) {
        policy_rows_value value{};
        must(map.lookup_raw(&index, &value));
        rows.insert(rows.end(), std::begin(value.row), std::end(value.row));
      }
    }
    return result;
  }
  // How many entries of the IP cache differ; everything else must not.
  [[nodiscard]] static std::size_t only_addresses(const Content& before, const Content& after) {
    EXPECT_EQ(before.rows, after.rows);
    EXPECT_EQ(std::memcmp(&before.config, &after.config, sizeof before.config), 0);
    std::size_t differ = 0;
    for (const auto& [prefix, entry] : after.ipcache) {
      const auto old = before.ipcache.find(prefix);
      differ += old == before.ipcache.end() || old->second != entry ? 1U : 0U;
    }
    for (const auto& [prefix, entry] : before.ipcache)
      differ += after.ipcache.contains(prefix) ? 0U : 1U;
    return differ;
  }

  maps::NodeMaps maps_;
  std::vector<bpf::MapHandle> rows_;
};

policy::LabelSet twin(const std::string& name, int number) {
  policy::LabelSet labels = app(name);
  labels.add({"k8s", "pod", std::to_string(number)});
  return labels;
}

TEST_F(PeersTest, AnIdentityWithKnownAnswersIsOneAddress) {
  auto peers = open(shape_of("a", 2), shape_of("b", 9), shape_of("c", 12));
  EXPECT_TRUE(must(peers.add_address(address(1), app("p1"), 256)).made_class);
  const Content before = content();
  const auto change = must(peers.add_address(address(2), twin("p1", 2), 257));
  EXPECT_FALSE(change.made_class);
  const Content after = content();
  EXPECT_EQ(only_addresses(before, after), 1U);
  EXPECT_EQ(after.ipcache.at(address(2)), (maps::IpCacheEntry{257, change.peer_class}));
  EXPECT_EQ(before.ipcache.at(address(1)).peer_class, change.peer_class);
  must(peers.remove_address(address(2)));
  EXPECT_EQ(only_addresses(after, content()), 1U);
  EXPECT_EQ(content().ipcache, before.ipcache);
}

TEST_F(PeersTest, ANewClassHasItsRowsInEveryShape) {
  auto peers = open(shape_of("a", 2), shape_of("b", 9));
  const auto first = must(peers.add_address(address(1), app("p1"), 256));
  const auto second = must(peers.add_address(address(2), app("p7"), 257));
  EXPECT_TRUE(second.made_class);
  EXPECT_NE(first.peer_class, second.peer_class);
  const auto rows = content().rows;
  const ir::Shape compares = peers_shape(2);
  EXPECT_EQ(rows[0][first.peer_class], compares.bit_row(0, compares.truth(0, app("p1"))));
  EXPECT_EQ(rows[0][second.peer_class], compares.bit_row(0, compares.truth(0, app("p7"))));
  EXPECT_NE(rows[1][first.peer_class], rows[1][second.peer_class]);
  EXPECT_THAT(second.starved, IsEmpty());
}

TEST_F(PeersTest, NumbersOfClassesThatEndAreGivenAgainWhenTheDiskKnows) {
  auto peers = open(shape_of("a", 9));
  const auto first = must(peers.add_address(address(1), app("p1"), 256)).peer_class;
  must(peers.remove_address(address(1)));
  const auto second = must(peers.add_address(address(2), app("p2"), 257)).peer_class;
  EXPECT_NE(second, first) << "a packet on its way may carry it still";
  const auto epoch = must(maps_.config()).policy_epoch;
  EXPECT_GT(must(peers.finish()), epoch);
  EXPECT_NE(must(peers.add_address(address(3), app("p3"), 258)).peer_class, first)
      << "whoever takes over writes rows by what the disk says";
  must(peers.finish());
  peers.identities_kept();
  EXPECT_EQ(must(peers.add_address(address(4), app("p4"), 259)).peer_class, first);
}

TEST_F(PeersTest, AnAddressMovesInOneStep) {
  auto peers = open(shape_of("a", 9));
  const auto first = must(peers.add_address(address(1), app("p1"), 256));
  must(peers.add_address(address(9), app("p2"), 257));
  const Content before = content();
  const auto second = must(peers.add_address(address(1), app("p2"), 257));
  EXPECT_NE(second.peer_class, first.peer_class);
  EXPECT_EQ(only_addresses(before, content()), 1U);
  EXPECT_EQ(peers.identities().size(), 1U) << "nobody is p1 any more";
  const Content same = content();
  must(peers.add_address(address(1), app("p2"), 257));
  EXPECT_EQ(only_addresses(same, content()), 0U);
}

TEST_F(PeersTest, PrefixesAreAskedForWhileThereAreAny) {
  auto peers = open(shape_of("a", 9));
  const auto prefix = *parse_ip_prefix("192.0.2.0/24");
  EXPECT_EQ(must(maps_.config()).flags & NODE_HAS_PREFIXES4, 0U);
  must(peers.add_address(prefix, app("p1"), 256));
  EXPECT_NE(must(maps_.config()).flags & NODE_HAS_PREFIXES4, 0U);
  must(peers.remove_address(prefix));
  EXPECT_EQ(must(maps_.config()).flags & NODE_HAS_PREFIXES4, 0U);
}

TEST_F(PeersTest, AShapeWithoutRoomIsNamed) {
  auto peers = open(shape_of("small", 9, 1), shape_of("large", 9));
  for (std::uint32_t i = 1; i < 4; ++i)
    EXPECT_THAT(must(peers.add_address(address(i), app("p" + std::to_string(i)), 256 + i)).starved,
                IsEmpty());
  EXPECT_THAT(must(peers.add_address(address(5), app("p5"), 300)).starved, ElementsAre("small"));
}

TEST_F(PeersTest, OpensWhatIsThere) {
  {
    auto peers = open(shape_of("a", 9));
    must(peers.add_address(address(1), app("p1"), 256));
  }
  std::vector<endpoint::IdentityRecord> identities{identity(app("p1"), 256, 1)};
  auto peers = must(NodePeers::open(maps_, {}, identities));
  must(peers.remove_address(address(1)));
  EXPECT_THAT(content().ipcache, IsEmpty());
  must(maps::put_address(maps_, address(2), {300, 77}));
  EXPECT_FALSE(NodePeers::open(maps_, {}, identities)) << "nobody knows class 77";
}

TEST_F(PeersTest, AFullCacheLeavesEverythingAsItWas) {
  auto peers = open(shape_of("a", 9));
  std::uint32_t i = 0;
  while (peers.add_address(address(i), app("p1"), 256)) ++i;
  const Content before = content();
  EXPECT_FALSE(peers.add_address(address(i), app("p2"), 257));
  EXPECT_EQ(content().ipcache, before.ipcache);
  EXPECT_EQ(peers.identities().size(), 1U);
}

}  // namespace
}  // namespace policyc::testing
