// loader/endpoint: the state on disk, the inventory and the numbers of identities.

#include "loader/endpoint/state.h"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>

#include "loader/endpoint/files.h"
#include "loader/endpoint/identities.h"
#include "loader/endpoint/inventory.h"
#include "loader/endpoint/inventory_change.h"
#include "loader/endpoint/inventory_file.h"
#include "tests/unit/loader/sandbox.h"
#include "tests/unit/loader/shapes.h"

namespace policyc::testing {
namespace {

using endpoint::IdentityAllocator;
using endpoint::IdentityScope;
using endpoint::State;
using ::testing::HasSubstr;

policy::LabelSet labels(std::initializer_list<policy::Label> list) {
  policy::LabelSet result;
  for (const policy::Label& label : list) result.add(label);
  return result;
}

State sample() {
  State state;
  state.instance = 42;
  state.dirty = true;
  state.next_cluster_identity = 300;
  state.datapath = "00ff";
  state.slots = {{"0123abcd_00", 3}};
  state.identities = {identity(app("web"), 256, 1),
                      identity(labels({{"reserved", "world", ""}}), 2, 2)};
  endpoint::EndpointRecord record;
  record.id = 7;
  record.interface = "veth0";
  record.interface_index = 11;
  record.addresses = {*parse_ip_address("10.0.0.1"), *parse_ip_address("fd00::1")};
  record.identity = 256;
  record.labels = app("web");
  record.name = "shop/web";
  record.shape = "0123abcd_00";
  record.hook = attach::HookKind::Clsact;
  record.audit = true;
  state.endpoints = {record};
  return state;
}

class StateTest : public KernelTest {};

TEST_F(StateTest, ReadsBackWhatWasWritten) {
  must(endpoint::write_state(paths_, sample()));
  EXPECT_EQ(must(endpoint::read_state(paths_)), sample());
}

TEST_F(StateTest, AStateOfOneClassForEachIdentityIsRead) {
  State expected = sample();
  std::string text = endpoint::to_json(expected);
  text.replace(text.find("\"version\": 4"), 12, "\"version\": 2");
  const std::string file = "\"identities\": 0";
  text.replace(
      text.find(file), file.size(),
      R"("identities": [{"identity": 300, "class": 7, "labels": [["k8s", "app", "web"]]}])");
  expected.identities = {{app("web"), 300, 7, 0}};
  EXPECT_EQ(must(endpoint::state_from_json(text)), expected);
}

TEST_F(StateTest, AFreshStateHasAnInstance) {
  const State first = must(endpoint::read_state(paths_));
  EXPECT_NE(first.instance, 0U);
  EXPECT_NE(must(endpoint::read_state(paths_)).instance, first.instance);
  EXPECT_TRUE(first.endpoints.empty());
}

TEST_F(StateTest, EveryPrefixOfTheFileIsRefused) {
  const std::string text = endpoint::to_json(sample());
  ASSERT_TRUE(endpoint::state_from_json(text));
  // The last bytes are the closing brace and the line's end.
  for (std::size_t size = 0; size + 2 < text.size(); size += 7) {
    EXPECT_FALSE(endpoint::state_from_json(text.substr(0, size))) << size;
  }
}

TEST_F(StateTest, InconsistentStatesAreRefused) {
  const auto refused = [&paths = paths_](auto change) {
    State state = sample();
    change(state);
    must(endpoint::write_state(paths, state));
    return !endpoint::read_state(paths);
  };
  EXPECT_FALSE(refused([](State& state) { state.identities[1].peer_class = 1; }))
      << "one class may have two identities";
  EXPECT_TRUE(refused([](State& state) { state.identities[1].peer_class = 0; }));
  EXPECT_TRUE(refused([](State& state) { state.identities[1].labels = app("web"); }));
  EXPECT_TRUE(refused([](State& state) { state.endpoints.push_back(state.endpoints[0]); }));
  EXPECT_TRUE(refused([](State& state) { state.endpoints[0].id = 0; }));
  EXPECT_TRUE(refused([](State& state) { state.endpoints[0].shape = "../../etc"; }))
      << "it becomes a path";
  EXPECT_TRUE(refused([](State& state) { state.instance = 0; }));
  EXPECT_TRUE(refused([](State& state) { state.slots["ff"] = 3; })) << "one slot for two shapes";
  EXPECT_TRUE(refused([](State& state) { state.slots["ff"] = 0; }));
  EXPECT_TRUE(refused([](State& state) { state.slots["ff"] = 0x80000003; })) << "it would wrap";
  EXPECT_TRUE(refused([](State& state) { state.slots["../../etc"] = 4; }));
  EXPECT_TRUE(refused([](State& state) { state.datapath = "../../etc"; }));
}

TEST_F(StateTest, EndpointIdsWrapPastZeroAndThoseInUse) {
  State state = sample();
  state.next_endpoint_id = 0xffff;
  EXPECT_EQ(must(state.take_endpoint_id()), 0xffffU);
  EXPECT_TRUE(endpoint::state_from_json(endpoint::to_json(state))) << "a wrapped counter";
  EXPECT_EQ(must(state.take_endpoint_id()), 1U);
  state.next_endpoint_id = 7;
  EXPECT_EQ(must(state.take_endpoint_id()), 8U);
}

TEST_F(StateTest, SeveralEndpointIdsAreTakenAtOnceOrNone) {
  endpoint::State state;
  state.next_endpoint_id = 0xfffe;
  endpoint::EndpointRecord record;
  record.id = 2;
  state.endpoints.push_back(record);
  EXPECT_THAT(must(state.take_endpoint_ids(4)), ::testing::ElementsAre(0xfffe, 0xffff, 1, 3));
  EXPECT_EQ(state.next_endpoint_id, 4);
  EXPECT_FALSE(state.take_endpoint_ids(0xffff)) << "one is taken";
  EXPECT_EQ(state.next_endpoint_id, 4) << "nothing was given";
  EXPECT_EQ(must(state.take_endpoint_ids(0xfffe)).size(), 0xfffeU);
}

TEST_F(StateTest, ShapesGetTheLowestFreeSlot) {
  State state;
  EXPECT_EQ(must(state.take_slot("a", 4)), 1U) << "slot 0 is none";
  EXPECT_EQ(must(state.take_slot("b", 4)), 2U);
  EXPECT_EQ(must(state.take_slot("a", 4)), 1U);
  state.slots.erase("a");
  EXPECT_EQ(must(state.take_slot("c", 4)), 1U);
  EXPECT_EQ(must(state.take_slot("d", 4)), 3U);
  const auto full = state.take_slot("e", 4);
  ASSERT_FALSE(full);
  EXPECT_THAT(full.error().message, HasSubstr("room for 3"));
}

TEST_F(StateTest, ADamagedFileTellsTheWayOut) {
  std::ofstream(paths_.state_file()) << "{\"version\": 3, \"inst";
  const auto damaged = endpoint::read_state(paths_);
  ASSERT_FALSE(damaged);
  EXPECT_THAT(damaged.error().message, HasSubstr("state.json is damaged"));
  EXPECT_THAT(damaged.error().message, HasSubstr("unload --all"));
}

TEST_F(StateTest, AHalfWrittenNewFileIsIgnored) {
  must(endpoint::write_state(paths_, sample()));
  std::ofstream(paths_.state_file().string() + ".new") << "{\"version\"";
  EXPECT_EQ(must(endpoint::read_state(paths_)), sample());
  State next = sample();
  next.dirty = false;
  must(endpoint::write_state(paths_, next));
  EXPECT_EQ(must(endpoint::read_state(paths_)), next);
  EXPECT_FALSE(std::filesystem::exists(paths_.state_file().string() + ".new"));
}

TEST_F(StateTest, InventoryReadsBack) {
  endpoint::Inventory inventory;
  inventory.options.cluster_name = "north";
  inventory.cluster.namespaces.edit()["shop"] = {{"team", "a"}};
  policy::Endpoint pod;
  pod.namespace_ = "shop";
  pod.name = "web";
  pod.labels = {{"app", "web"}};
  pod.ports = {{"http", 80, "TCP"}};
  pod.addresses = {*parse_ip_address("10.0.0.1")};
  inventory.cluster.endpoints.push_back(pod);
  inventory.cluster.nodes.push_back(
      {policy::NodeRole::Host, "node1", {}, {*parse_ip_address("192.0.2.1")}});
  inventory.cluster.dns.edit()["example.org"] = {*parse_ip_address("198.51.100.1")};
  inventory.prefixes.push_back(
      {*parse_ip_prefix("203.0.113.0/24"), labels({{"cidrgroup", "g", ""}})});
  must(endpoint::write_inventory(paths_, inventory));
  const auto read = must(endpoint::read_inventory(paths_));
  EXPECT_TRUE(endpoint::change_between(read, inventory).empty());
  EXPECT_EQ(read.cluster.endpoints[0].full_name(), "shop/web");
  EXPECT_EQ(read.cluster.endpoints[0].ports[0].port, 80);
  EXPECT_EQ(read.cluster.nodes[0].role, policy::NodeRole::Host);
  EXPECT_EQ(read.prefixes[0].prefix.to_string(), "203.0.113.0/24");
  std::ofstream(paths_.inventory_file()) << "[]";
  EXPECT_FALSE(endpoint::read_inventory(paths_));
}

std::uint32_t number_of(State& state, const policy::LabelSet& wanted) {
  return state.identities[must(IdentityAllocator(state, "here").ensure(wanted))].identity;
}

TEST(IdentitiesTest, ScopeFollowsTheLabels) {
  EXPECT_EQ(endpoint::scope_of(app("web")), IdentityScope::Cluster);
  EXPECT_EQ(endpoint::scope_of(labels({{"reserved", "world-ipv4", ""}})), IdentityScope::Reserved);
  EXPECT_EQ(endpoint::scope_of(labels({{"reserved", "host", ""}, {"node", "zone", "a"}})),
            IdentityScope::Reserved);
  EXPECT_EQ(
      endpoint::scope_of(labels({{"cidr", "10.0.0.0/8", ""}, {"reserved", "world-ipv4", ""}})),
      IdentityScope::Local);
  EXPECT_EQ(endpoint::scope_of(labels({{"reserved", "remote-node", ""}, {"node", "zone", "a"}})),
            IdentityScope::RemoteNode);
}

TEST(IdentitiesTest, ReservedNumbersAreCiliums) {
  const std::pair<const char*, std::uint32_t> expected[] = {
      {"host", 1},       {"world", 2},       {"unmanaged", 3},      {"health", 4},
      {"init", 5},       {"remote-node", 6}, {"kube-apiserver", 7}, {"ingress", 8},
      {"world-ipv4", 9}, {"world-ipv6", 10}};
  for (const auto& [name, number] : expected) {
    State state;
    EXPECT_EQ(number_of(state, labels({{"reserved", name, ""}})), number) << name;
  }
  State state;
  const auto api = labels({{"reserved", "kube-apiserver", ""}, {"reserved", "remote-node", ""}});
  EXPECT_EQ(number_of(state, api), 7U);
}

TEST(IdentitiesTest, NumbersAreStableAndNotGivenTwice) {
  State state;
  EXPECT_EQ(number_of(state, app("web")), 256U);
  EXPECT_EQ(number_of(state, labels({{"cidr", "10.0.0.0/8", ""}})), 0x01000001U);
  EXPECT_EQ(number_of(state, app("web")), 256U);
  EXPECT_EQ(state.identities.size(), 2U);
  state.identities.clear();
  EXPECT_EQ(number_of(state, app("db")), 257U)
      << "a number that was just in use is not given again";
}

TEST(IdentitiesTest, RunningOutOfNumbersIsAnError) {
  State state;
  for (std::uint32_t number = 256; number <= 65535; ++number)
    state.identities.push_back({{}, number, number, 0});
  EXPECT_FALSE(IdentityAllocator(state, "here").ensure(app("web")));
}

policy::LabelSet app_of(const std::string& name, const std::string& cluster) {
  return labels({{"k8s", "app", name}, {"k8s", std::string(policy::kClusterKey), cluster}});
}

TEST(IdentitiesTest, OtherClustersHaveNumbersOfTheirOwn) {
  State state;
  EXPECT_EQ(number_of(state, app_of("web", "here")), 256U);
  EXPECT_EQ(number_of(state, app_of("web", "there")), 0x10100U);
  EXPECT_EQ(number_of(state, app_of("db", "there")), 0x10101U);
  EXPECT_EQ(number_of(state, app_of("web", "elsewhere")), 0x20100U);
  EXPECT_EQ(number_of(state, app_of("db", "here")), 257U);
  state.instance = 1;
  State again = must(endpoint::state_from_json(endpoint::to_json(state)));
  EXPECT_EQ(again.clusters, state.clusters);
  again.identities = state.identities;
  EXPECT_EQ(number_of(again, app_of("new", "there")), 0x10102U)
      << "a number that was just in use is not given again";
}

TEST(IdentitiesTest, ClustersWithoutIdentitiesGiveWay) {
  State state;
  for (std::uint32_t i = 1; i <= endpoint::kMaxCluster; ++i)
    EXPECT_EQ(number_of(state, app_of("web", "c" + std::to_string(i))) >> 16U, i);
  EXPECT_FALSE(IdentityAllocator(state, "here").ensure(app_of("web", "more")));
  std::erase_if(state.identities, [](const auto& record) { return record.identity >> 16U == 7; });
  EXPECT_EQ(number_of(state, app_of("web", "more")), 0x70100U);
  EXPECT_EQ(state.clusters.size(), endpoint::kMaxCluster);
  EXPECT_FALSE(state.clusters.contains("c7"));
}

TEST(IdentitiesTest, ANumberOfAClusterThatIsNoneIsRefused) {
  State state;
  state.instance = 1;
  for (const std::uint32_t id : {0U, endpoint::kMaxCluster + 1}) {
    state.clusters["there"] = {id, 0};
    EXPECT_FALSE(endpoint::state_from_json(endpoint::to_json(state))) << id;
  }
}

TEST(IdentitiesTest, AddressesGetTheLabelsOfInventoryAndPredicates) {
  endpoint::Inventory inventory;
  policy::Endpoint pod;
  pod.namespace_ = "shop";
  pod.name = "web";
  pod.labels = {{"app", "web"}};
  pod.addresses = {*parse_ip_address("10.0.0.1")};
  inventory.cluster.endpoints.push_back(pod);
  ir::Shape shape;
  shape.predicates.emplace_back(
      policy::Selector{{{"cidr", "203.0.113.0/24", policy::Operator::Exists, {}},
                        {"cidr", "203.0.113.128/25", policy::Operator::DoesNotExist, {}}},
                       "cidr"});
  State state;
  const auto book = endpoint::label_addresses(inventory, {&shape});
  const auto table = must(endpoint::number_addresses(state, book));
  const auto entry = [&table](const char* text) {
    const auto found = table.entries.find(*parse_ip_prefix(text));
    return found == table.entries.end() ? 0U : found->second.identity;
  };
  EXPECT_EQ(entry("10.0.0.1/32"), 256U);
  EXPECT_GE(entry("203.0.113.0/24"), 0x01000001U);
  EXPECT_GE(entry("203.0.113.128/25"), 0x01000001U) << "exceptions are identities of their own";
  EXPECT_NE(entry("203.0.113.0/24"), entry("203.0.113.128/25"));
  EXPECT_EQ(state.identities[table.world4].identity, 9U);
  EXPECT_EQ(state.identities[table.world6].identity, 10U);
  EXPECT_EQ(state.identities.size(), 5U);
  EXPECT_EQ(endpoint::name_of(inventory, *parse_ip_address("10.0.0.1")), "shop/web");
  EXPECT_EQ(endpoint::name_of(inventory, *parse_ip_address("10.0.0.2")), "");
}

}  // namespace
}  // namespace policyc::testing
