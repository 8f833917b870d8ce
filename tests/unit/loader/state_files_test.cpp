// loader/endpoint: the files of state and inventory when a process died at any byte of writing
// them, and those that versions before have left.

#include <filesystem>
#include <fstream>
#include <iterator>

#include <gmock/gmock.h>

#include "loader/endpoint/files.h"
#include "loader/endpoint/inventory_change.h"
#include "loader/endpoint/inventory_file.h"
#include "loader/endpoint/state.h"
#include "tests/unit/loader/sandbox.h"
#include "tests/unit/loader/shapes.h"

namespace policyc::testing {
namespace {

namespace fs = std::filesystem;
using endpoint::Inventory;
using endpoint::State;
using ::testing::HasSubstr;

std::string content_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void put(const fs::path& path, std::string_view content) {
  std::ofstream(path, std::ios::binary) << content;
}

policy::Endpoint pod(int number) {
  policy::Endpoint endpoint;
  endpoint.namespace_ = "shop";
  endpoint.name = "web-" + std::to_string(number);
  endpoint.labels = {{"app", "web"}};
  endpoint.ports = {{"http", 80, "TCP"}};
  endpoint.addresses = {*parse_ip_address("10.0.0." + std::to_string(number))};
  return endpoint;
}

class StateFilesTest : public KernelTest {
 protected:
  void append(const Inventory& before, const Inventory& after) {
    ASSERT_TRUE(must(endpoint::append_inventory(paths_, endpoint::change_between(before, after))));
  }
  [[nodiscard]] bool reads_as(const Inventory& expected) const {
    const auto read = endpoint::read_inventory(paths_);
    return read && endpoint::change_between(*read, expected).empty();
  }
};

// The inventories that a file went through, and its size with each.
struct History {
  std::vector<Inventory> inventories;
  std::vector<std::size_t> sizes;
};

TEST_F(StateFilesTest, AnInventoryCutAnywhereIsTheLastThatWasComplete) {
  History history;
  Inventory inventory;
  inventory.options.cluster_name = "north";
  inventory.cluster.namespaces.edit()["shop"] = {{"team", "a"}};
  inventory.cluster.endpoints = {pod(1), pod(2)};
  must(endpoint::write_inventory(paths_, inventory));
  const auto keep = [&] {
    history.inventories.push_back(inventory);
    history.sizes.push_back(fs::file_size(paths_.inventory_file()));
  };
  keep();
  const auto change = [&](auto edit) {
    const Inventory before = inventory;
    edit(inventory);
    append(before, inventory);
    keep();
  };
  change([](Inventory& now) { now.cluster.endpoints.push_back(pod(3)); });
  change([](Inventory& now) { now.cluster.endpoints[0].labels["app"] = "db"; });
  change([](Inventory& now) { now.cluster.endpoints.splice({0, 2, {}}); });
  change([](Inventory& now) {
    now.cluster.dns.edit()["example.org"] = {*parse_ip_address("192.0.2.1")};
  });
  const std::string whole = content_of(paths_.inventory_file());
  ASSERT_EQ(whole.size(), history.sizes.back());

  for (std::size_t size = 0; size <= whole.size(); ++size) {
    put(paths_.inventory_file(), whole.substr(0, size));
    std::size_t complete = 0;
    while (complete < history.sizes.size() && history.sizes[complete] <= size) ++complete;
    if (complete == 0) {
      // Not one that is empty: pods would be no more than the world.
      EXPECT_FALSE(endpoint::read_inventory(paths_)) << size;
      EXPECT_FALSE(must(endpoint::append_inventory(
          paths_, endpoint::change_between(history.inventories[0], history.inventories[1]))))
          << size;
      continue;
    }
    const Inventory& last = history.inventories[complete - 1];
    EXPECT_TRUE(reads_as(last)) << size;
    // Whoever goes on from there writes over what is left of the change that was cut.
    Inventory next = last;
    next.cluster.endpoints.push_back(pod(9));
    append(last, next);
    EXPECT_TRUE(reads_as(next)) << size;
    EXPECT_LE(fs::file_size(paths_.inventory_file()), history.sizes[complete - 1] + 200) << size;
  }
}

TEST_F(StateFilesTest, AnInventoryWithAnotherByteIsItselfOrRefused) {
  Inventory inventory;
  inventory.cluster.endpoints = {pod(1), pod(2)};
  must(endpoint::write_inventory(paths_, inventory));
  Inventory next = inventory;
  next.cluster.endpoints.push_back(pod(3));
  append(inventory, next);
  std::string text = content_of(paths_.inventory_file());
  // A disk that lost a page has zeros in its place: no change is so short.
  put(paths_.inventory_file(), text + std::string(64, '\0'));
  EXPECT_FALSE(endpoint::read_inventory(paths_));
  // Of another form than ours.
  text[4] = '\x7f';
  put(paths_.inventory_file(), text);
  const auto read = endpoint::read_inventory(paths_);
  ASSERT_FALSE(read);
  EXPECT_THAT(read.error().message, HasSubstr("another version"));
}

// The compiler process tells changes in these bytes, and is not trusted.
TEST_F(StateFilesTest, AChangeOfOtherBytesIsRefusedOrAChange) {
  Inventory inventory;
  inventory.options.cluster_name = "north";
  inventory.cluster.namespaces.edit()["shop"] = {{"team", "a"}};
  inventory.cluster.endpoints = {pod(1), pod(2)};
  inventory.prefixes.push_back({*parse_ip_prefix("203.0.113.0/24"), app("web")});
  const std::string bytes = endpoint::to_bytes(endpoint::whole_change(inventory));
  ASSERT_TRUE(endpoint::change_from_bytes(bytes));
  for (std::size_t size = 0; size < bytes.size(); ++size)
    EXPECT_FALSE(endpoint::change_from_bytes(bytes.substr(0, size))) << size;
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    for (const int flip : {0x01, 0x10, 0x7f, 0x80, 0xff}) {
      std::string other = bytes;
      other[at] = static_cast<char>(other[at] ^ flip);
      const auto change = endpoint::change_from_bytes(other);
      if (!change) continue;
      Inventory empty;
      if (endpoint::apply(*change, empty)) {
        EXPECT_LE(empty.cluster.endpoints.size(), 2U) << at;
      }
    }
  }
}

TEST_F(StateFilesTest, ManyChangesAreWrittenAsAWhole) {
  Inventory inventory;
  inventory.cluster.endpoints = {pod(1)};
  must(endpoint::write_inventory(paths_, inventory));
  const auto small = fs::file_size(paths_.inventory_file());
  Inventory next = inventory;
  next.cluster.endpoints[0].labels["blob"] = std::string(300'000, 'x');
  int appended = 0;
  const auto there = endpoint::change_between(inventory, next);
  const auto back = endpoint::change_between(next, inventory);
  while (must(endpoint::append_inventory(paths_, appended % 2 == 0 ? there : back))) {
    ASSERT_LT(++appended, 100);
  }
  EXPECT_GT(appended, 2);
  EXPECT_TRUE(reads_as(appended % 2 == 0 ? inventory : next)) << "what was refused is not there";
  must(endpoint::write_inventory(paths_, inventory));
  EXPECT_EQ(fs::file_size(paths_.inventory_file()), small);
}

TEST_F(StateFilesTest, FiltersOfLabelsAreKept) {
  Inventory inventory;
  inventory.options.labels = must(policy::LabelFilter::parse("k8s:app !job"));
  inventory.options.node_labels = must(policy::LabelFilter::parse("role"));
  must(endpoint::write_inventory(paths_, inventory));
  const auto read = must(endpoint::read_inventory(paths_));
  EXPECT_EQ(read.options.labels.text(), "k8s:app !job");
  EXPECT_EQ(read.options.node_labels.text(), "role");
  EXPECT_TRUE(endpoint::change_between(Inventory(), inventory).rest)
      << "another filter gives other labels";
}

TEST_F(StateFilesTest, WithoutFiltersOfLabelsBuildsFromBeforeThemReadTheInventory) {
  Inventory inventory;
  EXPECT_EQ(endpoint::to_bytes(endpoint::whole_change(inventory))[0], 1);
  inventory.options.labels = must(policy::LabelFilter::parse("k8s:app"));
  EXPECT_EQ(endpoint::to_bytes(endpoint::whole_change(inventory))[0], 2);
}

// As versions before wrote it.
constexpr std::string_view kOldInventory = R"({
 "version": 1,
 "options": {"cluster_name": "north", "ipv4": true, "ipv6": true, "node_selector_labels": false,
             "cidr_match_nodes": true},
 "namespaces": {"shop": {"team": "a"}},
 "endpoints": [{"kind": 0, "namespace": "shop", "name": "web-1", "cluster": "",
                "service_account": "", "labels": {"app": "web"}, "ports": [["http", 80, "TCP"]],
                "addresses": ["10.0.0.1"]}],
 "nodes": [{"role": 1, "name": "node2", "labels": {}, "addresses": ["192.0.2.2"]}],
 "services": [{"namespace": "shop", "name": "web", "labels": {}, "selector": {"app": "web"},
               "backends": ["10.0.0.1"]}],
 "dns": {"example.org": ["198.51.100.1"]},
 "listeners": [],
 "prefixes": [{"prefix": "203.0.113.0/24", "labels": [["cidrgroup", "g", ""]]}],
 "known_nodes": [{"role": 0, "name": "node1", "labels": {}, "addresses": ["192.0.2.1"]}]
}
)";

TEST_F(StateFilesTest, TheInventoryOfVersionsBeforeIsReadUntilAnotherIsWritten) {
  const fs::path old = paths_.old_inventory_file();
  put(old, kOldInventory);
  Inventory inventory = must(endpoint::read_inventory(paths_));
  EXPECT_EQ(inventory.options.cluster_name, "north");
  EXPECT_TRUE(inventory.options.cidr_match_nodes);
  ASSERT_EQ(inventory.cluster.endpoints.size(), 1U);
  EXPECT_EQ(std::as_const(inventory).cluster.endpoints[0], pod(1));
  ASSERT_EQ(inventory.cluster.nodes.size(), 1U);
  ASSERT_EQ(inventory.cluster.services.size(), 1U);
  ASSERT_EQ(inventory.prefixes.size(), 1U);
  ASSERT_EQ(inventory.known_nodes.size(), 1U);
  EXPECT_EQ(inventory.cluster.nodes[0].name, "node2");
  EXPECT_EQ(inventory.cluster.services[0].selector.at("app"), "web");
  EXPECT_EQ(inventory.cluster.dns.at("example.org").size(), 1U);
  EXPECT_EQ(inventory.prefixes[0].prefix.to_string(), "203.0.113.0/24");
  EXPECT_EQ(inventory.known_nodes[0].name, "node1");

  Inventory next = inventory;
  next.cluster.endpoints.push_back(pod(2));
  EXPECT_FALSE(must(endpoint::append_inventory(paths_, endpoint::change_between(inventory, next))));
  must(endpoint::write_inventory(paths_, next));
  EXPECT_FALSE(fs::exists(old));
  EXPECT_TRUE(reads_as(next));
  // A process that died before it could remove the old one.
  put(old, kOldInventory);
  EXPECT_TRUE(reads_as(next));
}

TEST_F(StateFilesTest, ADamagedInventoryOfVersionsBeforeIsRefused) {
  const std::size_t end = kOldInventory.find_last_of('}');
  for (std::size_t size = 0; size <= end; ++size) {
    put(paths_.old_inventory_file(), kOldInventory.substr(0, size));
    EXPECT_FALSE(endpoint::read_inventory(paths_)) << size;
  }
}

std::string old_state(int version) {
  return R"({"version": )" + std::to_string(version) + R"(, "instance": 42, "dirty": false,
 "next_cluster_identity": 301, "next_local_identity": 16777217,
 "next_remote_node_identity": 33554433, "next_endpoint_id": 8, "datapath": "00ff",
 "slots": {"0123abcd_00": 3},
 "identities": [{"labels": [["k8s", "app", "web"]], "identity": 300, "class": 7},
                {"labels": [["reserved", "world", ""]], "identity": 2, "class": 1}],
 "endpoints": [{"id": 7, "interface": "veth0", "interface_index": 11, "addresses": ["10.0.0.1"],
                "identity": 300, "labels": [], "name": "shop/web", "shape": "0123abcd_00",
                "hook": "tcx", "audit": false}]})";
}

TEST_F(StateFilesTest, StatesOfVersionsBeforeAreReadAndGoOn) {
  for (const int version : {2, 3}) {
    fs::remove_all(paths_.state);
    fs::create_directories(paths_.state);
    put(paths_.state_file(), old_state(version));
    const State state = must(endpoint::read_state(paths_));
    EXPECT_EQ(state.instance, 42U);
    ASSERT_EQ(state.identities.size(), 2U);
    EXPECT_EQ(state.identities[0].identity, 300U);
    EXPECT_EQ(state.identities[0].peer_class, 7U);
    ASSERT_EQ(state.endpoints.size(), 1U);
    EXPECT_EQ(state.endpoints[0].shape, "0123abcd_00");
    must(endpoint::write_state_alone(paths_, state));
    EXPECT_EQ(must(endpoint::read_state(paths_)), state) << "no identity was lost, " << version;
    must(endpoint::write_state(paths_, state));
    EXPECT_EQ(must(endpoint::read_state(paths_)), state);
  }
  put(paths_.state_file(), old_state(1));
  EXPECT_FALSE(endpoint::read_state(paths_));
  put(paths_.state_file(), old_state(5));
  EXPECT_FALSE(endpoint::read_state(paths_));
}

TEST_F(StateFilesTest, OldStatesWithTwoIdentitiesOfTheSameLabelsAreRefused) {
  std::string text = old_state(3);
  const std::string world = R"(["reserved", "world", ""])";
  text.replace(text.find(world), world.size(), R"(["k8s", "app", "web"])");
  put(paths_.state_file(), text);
  EXPECT_FALSE(endpoint::read_state(paths_));
}

State sample(std::uint32_t count) {
  State state;
  state.instance = 42;
  for (std::uint32_t i = 0; i < count; ++i)
    state.identities.push_back(identity(app("web" + std::to_string(i)), 256 + i, 1 + i));
  return state;
}

std::vector<std::string> identity_files(const endpoint::Paths& paths) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(paths.state)) {
    const std::string name = entry.path().filename();
    if (name.starts_with("identities.")) names.push_back(name);
  }
  return names;
}

TEST_F(StateFilesTest, AFileOfIdentitiesThatIsCutIsRefused) {
  must(endpoint::write_state(paths_, sample(3)));
  ASSERT_EQ(identity_files(paths_).size(), 1U);
  const fs::path file = paths_.state / identity_files(paths_)[0];
  const std::string whole = content_of(file);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    put(file, whole.substr(0, size));
    EXPECT_FALSE(endpoint::read_state(paths_)) << size;
  }
  put(file, whole);
  EXPECT_EQ(must(endpoint::read_state(paths_)), sample(3));
  fs::remove(file);
  EXPECT_FALSE(endpoint::read_state(paths_)) << "numbers would get a second meaning";
}

TEST_F(StateFilesTest, WhatAProcessThatDiedLeftIsNotReadAndGoes) {
  State state = sample(2);
  must(endpoint::write_state(paths_, state));
  // It died after it had written identities, before the state named them.
  const std::string next = "identities." + std::to_string(state.stored.generation + 1);
  put(paths_.state / next, "half");
  put(paths_.state / (next + ".new"), "half");
  put(paths_.state_file().string() + ".new", "{\"vers");
  EXPECT_EQ(must(endpoint::read_state(paths_)), state);
  // It died after the state named others, before it could remove those of before.
  put(paths_.state / "identities.77", "left");
  state.identities = sample(5).identities;
  must(endpoint::write_state(paths_, state));
  EXPECT_EQ(must(endpoint::read_state(paths_)), state);
  EXPECT_THAT(identity_files(paths_), ::testing::ElementsAre(next));
}

TEST_F(StateFilesTest, EqualIdentitiesAreNotWrittenAgain) {
  State state = sample(2);
  must(endpoint::write_state(paths_, state));
  const auto before = endpoint::stamp_of(paths_.identity_file(state.stored.generation));
  state.dirty = true;
  must(endpoint::write_state(paths_, state));
  EXPECT_EQ(endpoint::stamp_of(paths_.identity_file(state.stored.generation)), before);
  EXPECT_TRUE(must(endpoint::read_state(paths_)).dirty);
}

}  // namespace
}  // namespace policyc::testing
