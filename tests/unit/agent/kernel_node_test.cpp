// loader/reconcile/kernel_node: after any change the kernel answers each address as its labels say,
// and a change costs no whole one that does not need it.

#include "loader/reconcile/kernel_node.h"

#include <map>
#include <memory>
#include <random>

#include <gmock/gmock.h>

#include "loader/endpoint/identities.h"
#include "loader/endpoint/shapes.h"
#include "loader/endpoint/state.h"
#include "loader/maps/ipcache.h"
#include "tests/unit/loader/programs.h"
#include "tests/unit/loader/sandbox.h"

namespace policyc::testing {
namespace {

using endpoint::EndpointRecord;
using endpoint::Inventory;
using endpoint::LoadedShape;
using reconcile::InventoryRef;
using reconcile::KernelNode;

constexpr unsigned kEndpoints = 5;

std::string web_address(unsigned number) { return "10.9.1." + std::to_string(number + 1); }

std::string policy(const std::string& rules) {
  return "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: web, namespace: "
         "shop}\nspec:\n  endpointSelector: {matchLabels: {app: web}}\n" +
         rules;
}

std::string from(const std::string& peers, int port) {
  return "  - " + peers + "\n    toPorts: [{ports: [{port: \"" + std::to_string(port) +
         "\", protocol: TCP}]}]\n";
}

// Constants, compares and tables; peers by labels, prefixes, entities and names.
const std::vector<backend::Bytes>& objects() {
  static const std::vector<backend::Bytes> kObjects = [] {
    const std::vector<std::string> rules{
        "  ingress:\n" + from("fromEndpoints: [{matchLabels: {app: c1}}]", 80),
        "  ingress:\n" + from("fromEndpoints: [{matchLabels: {app: c1}}]", 81),
        "  ingress:\n" + from("fromCIDR: [10.200.1.0/24]", 80),
        "  ingress:\n" + from("fromCIDR: [10.200.0.0/16]", 80) +
            from("fromEndpoints: [{matchLabels: {env: a}}]", 82),
        "  ingress:\n" + from("fromEntities: [world]", 80),
        "  ingress:\n" + from("fromEntities: [cluster]", 80) +
            from("fromEntities: [remote-node]", 81),
        "  ingress:\n" + from("fromEndpoints: [{matchLabels: {app: c0}}]", 80) +
            from("fromEndpoints: [{matchLabels: {app: c1}}]", 81) +
            from("fromEndpoints: [{matchLabels: {app: c2}}]", 82) +
            from("fromEndpoints: [{matchLabels: {env: b}}]", 83) +
            from("fromCIDR: [10.200.2.0/24]", 84),
        "  ingress:\n" + from("fromEndpoints: [{matchExpressions: [{key: env, operator: NotIn, "
                              "values: [a]}]}]",
                              80),
        "  egress:\n  - toCIDRSet: [{cidr: 10.200.0.0/16, except: [10.200.3.0/24]}]\n  - "
        "toEndpoints: [{matchLabels: {app: c3}}]\n",
        "  egress:\n  - toFQDNs: [{matchName: one.example}]\n",
        "  ingress: [{}]\n",
    };
    std::vector<backend::Bytes> result;
    for (const std::string& text : rules) result.push_back(compile_policies(policy(text)).at(0));
    return result;
  }();
  return kObjects;
}

class KernelNodeTest : public KernelTest {
 protected:
  void SetUp() override {
    KernelTest::SetUp();
    for (unsigned i = 0; i < kEndpoints; ++i)
      pods_.push_back(std::make_unique<Pod>("web" + std::to_string(i), web_address(i)));
    start();
  }
  void start() {
    node_ = std::make_unique<KernelNode>(paths_, [this](std::string_view step) {
      if (step == "generations") ++whole_changes_;
      if (fault_ && step == *fault_) {
        fault_.reset();
        throw std::runtime_error("broken off");
      }
    });
  }

  [[nodiscard]] endpoint::LoadRequest request(unsigned number, std::size_t object) const {
    endpoint::LoadRequest result;
    result.object = objects().at(object);
    result.interface = pods_.at(number)->host();
    result.addresses = {*parse_ip_address(web_address(number))};
    result.labels.add({"k8s", "app", "web"});
    result.labels.add({"k8s", "io.kubernetes.pod.namespace", "shop"});
    result.labels.add({"k8s", "number", std::to_string(number % 2)});
    result.sizes = {.interfaces = 64,
                    .endpoints = 64,
                    .ipcache = 1024,
                    .prefixes = 256,
                    .conntrack = 1024,
                    .fragments = 64};
    return result;
  }

  void load(std::span<const unsigned> numbers, const InventoryRef& inventory) {
    std::vector<endpoint::LoadRequest> requests;
    for (const unsigned number : numbers) requests.push_back(request(number, wanted_.at(number)));
    const auto reports = must(node_->load(requests, inventory));
    for (std::size_t i = 0; i < numbers.size(); ++i) ids_[numbers[i]] = reports[i].endpoint_id;
    if (inventory) inventory_ = inventory;
  }

  // What every address is labelled.
  [[nodiscard]] std::map<IpPrefix, policy::LabelSet> labels(
      const endpoint::State& state, const std::vector<const ir::Shape*>& shapes) const {
    std::map<IpPrefix, policy::LabelSet> result;
    const auto book = endpoint::label_addresses(*inventory_, shapes);
    for (const auto& [prefix, set] : book.entries()) result[prefix] = set;
    for (const EndpointRecord& record : state.endpoints) {
      for (const IpAddress& address : record.addresses)
        result[host_prefix(address)] = record.labels;
    }
    return result;
  }

  static void expect_rows(const LoadedShape& loaded, std::uint32_t peer_class,
                          const policy::LabelSet& labels, const std::string& of) {
    for (std::size_t direction = 0; direction < 2; ++direction) {
      const ir::DirectionShape& part = loaded.shape.directions[direction];
      const auto truth = loaded.shape.truth(direction, labels);
      const endpoint::RowMaps& maps = loaded.maps[direction];
      if (!part.uses_rows()) continue;
      const auto element = must(maps.rows.lookup(peer_class >> 2U));
      ASSERT_TRUE(element) << of << ": class " << peer_class << " is beyond the maps";
      const std::uint32_t row = element->row[peer_class & 3U];
      if (!part.uses_matrix()) {
        EXPECT_EQ(row, loaded.shape.bit_row(direction, truth)) << of;
        continue;
      }
      std::vector<std::uint8_t> cells(part.row_bytes());
      must(maps.matrix.lookup_raw(&row, cells.data()));
      EXPECT_EQ(cells, loaded.shape.row(direction, truth)) << of;
    }
  }

  // Everything in the kernel against labels and policies, and the disk against the kernel.
  void expect_sound() {
    must(node_->settle());
    const auto state = must(endpoint::read_state(paths_));
    const auto maps = must(maps::NodeMaps::open(paths_.maps()));
    EXPECT_FALSE(state.dirty);
    ASSERT_EQ(state.endpoints.size(), ids_.size());
    std::set<std::string> used;
    for (const EndpointRecord& record : state.endpoints) used.insert(record.shape);
    std::vector<LoadedShape> loaded;
    std::vector<const ir::Shape*> shapes;
    for (const auto& [key, slot] : state.slots) {
      EXPECT_TRUE(used.contains(key)) << "a shape that nobody uses";
      loaded.push_back(must(endpoint::open_shape(paths_, key)));
    }
    for (const LoadedShape& shape : loaded) shapes.push_back(&shape.shape);
    EXPECT_EQ(endpoint::list_shapes(paths_).size(), loaded.size());
    for (const auto& [number, id] : ids_) {
      const EndpointRecord* record = state.find_endpoint(id);
      ASSERT_NE(record, nullptr);
      const auto shape = must(endpoint::read_shape(objects().at(wanted_.at(number))));
      EXPECT_EQ(endpoint::first_key(record->shape),
                endpoint::shape_key(shape, objects().at(wanted_.at(number))));
      EXPECT_EQ(must(node_->check(*record)), "");
      const auto entry = must(maps.endpoints.lookup(record->interface_index));
      ASSERT_TRUE(entry);
      EXPECT_EQ(entry->policy_slot, state.slots.at(record->shape));
      EXPECT_EQ(entry->shape_tag, shape.tag());
      EXPECT_EQ(entry->identity, record->identity);
    }
    std::map<std::uint32_t, policy::LabelSet> identities;
    for (const auto& record : state.identities)
      highest_class_ = std::max(highest_class_, record.peer_class);
    for (const auto& record : state.identities)
      EXPECT_TRUE(identities.emplace(record.identity, record.labels).second);
    const auto expected = labels(state, shapes);
    const auto ipcache = must(maps::read_ipcache(maps));
    for (const auto& [prefix, set] : expected)
      EXPECT_TRUE(ipcache.contains(prefix)) << prefix.to_string() << " " << set.to_string();
    for (const auto& [prefix, entry] : ipcache) {
      const auto known = expected.find(prefix);
      if (known == expected.end()) {
        // Prefixes of a shape before a whole change stay until the next one.
        EXPECT_NE(whole_changes_, 0U) << prefix.to_string();
        continue;
      }
      EXPECT_EQ(identities.at(entry.identity), known->second) << prefix.to_string();
      for (const LoadedShape& shape : loaded)
        expect_rows(shape, entry.peer_class, known->second,
                    prefix.to_string() + " " + known->second.to_string());
    }
    const auto config = must(maps.config());
    const auto book = endpoint::label_addresses(*inventory_, shapes);
    for (const LoadedShape& shape : loaded) {
      expect_rows(shape, config.world4_class, book.world_labels(false), "world");
      expect_rows(shape, config.world6_class, book.world_labels(true), "world");
    }
  }

  std::vector<std::unique_ptr<Pod>> pods_;
  std::unique_ptr<KernelNode> node_;
  std::map<unsigned, std::size_t> wanted_;  // object of each endpoint
  std::map<unsigned, std::uint16_t> ids_;   // of those that are loaded
  InventoryRef inventory_;
  std::size_t whole_changes_ = 0;
  std::uint32_t highest_class_ = 0;  // that was seen
  std::optional<std::string> fault_;
};

policy::Endpoint pod(unsigned number, const std::string& app, const std::string& env) {
  policy::Endpoint endpoint;
  endpoint.namespace_ = number % 3 == 0 ? "other" : "shop";
  endpoint.name = "c" + std::to_string(number);
  endpoint.labels = {{"app", app}, {"env", env}};
  endpoint.addresses = {*parse_ip_address("10.7.0." + std::to_string(number + 1))};
  return endpoint;
}

Inventory first_inventory() {
  Inventory inventory;
  inventory.cluster.namespaces = {{"shop", {}}, {"other", {}}};
  inventory.cluster.nodes = {
      {policy::NodeRole::RemoteNode, "n2", {}, {*parse_ip_address("10.100.0.2")}}};
  inventory.cluster.dns = {{"one.example", {*parse_ip_address("10.200.1.7")}}};
  std::vector<policy::Endpoint> pods;
  for (unsigned i = 0; i < 8; ++i)
    pods.push_back(pod(i, "c" + std::to_string(i % 4), i % 2 == 0 ? "a" : "b"));
  inventory.cluster.endpoints = pods;
  return inventory;
}

class RandomChanges : public KernelNodeTest {
 protected:
  unsigned below(unsigned limit) { return static_cast<unsigned>(random_() % limit); }

  InventoryRef other_inventory() {
    auto next = std::make_shared<Inventory>(*inventory_);
    policy::Cluster& cluster = next->cluster;
    std::map<std::string, policy::Endpoint> pods;
    for (const policy::Endpoint& endpoint : cluster.endpoints)
      pods[endpoint.full_name()] = endpoint;
    for (unsigned i = below(4) + 1; i > 0; --i) {
      const policy::Endpoint one =
          pod(below(12), "c" + std::to_string(below(6)), below(2) == 0 ? "a" : "b");
      if (below(3) == 0) {
        pods.erase(one.full_name());
      } else {
        pods[one.full_name()] = one;
      }
    }
    std::vector<policy::Endpoint> list;
    for (const auto& [name, one] : pods) list.push_back(one);
    cluster.endpoints = list;
    if (below(5) == 0)
      cluster.nodes.edit().front().addresses = {
          *parse_ip_address("10.100.0." + std::to_string(2 + below(3)))};
    if (below(5) == 0)
      cluster.dns = {{"one.example", {*parse_ip_address("10.200.1." + std::to_string(below(3)))}}};
    // Addresses that pods have, or had, are named by others too.
    if (below(5) == 0)
      cluster.nodes = {
          {policy::NodeRole::RemoteNode, "n2", {}, {pod(below(12), "", "").addresses}}};
    if (below(5) == 0) cluster.dns = {{"one.example", pod(below(12), "", "").addresses}};
    if (below(5) == 0) {
      std::map<IpPrefix, policy::LabelSet> prefixes;
      for (const policy::PrefixLabels& one : next->prefixes) prefixes[one.prefix] = one.labels;
      for (const char* text : {"10.7.0.0/29", "10.7.0.0/16", "10.100.0.0/24", "10.200.1.0/30"}) {
        const IpPrefix prefix = *parse_ip_prefix(text);
        if (below(3) == 0) prefixes.erase(prefix);
        if (below(4) == 0)
          prefixes[prefix].set({"cidrgroup", "group" + std::to_string(below(2)), ""});
      }
      const IpPrefix one = host_prefix(pod(below(12), "", "").addresses.front());
      if (below(2) == 0) prefixes[one].set(policy::cidr_label(one));
      std::vector<policy::PrefixLabels> list_of;
      for (auto& [prefix, labels] : prefixes) list_of.push_back({prefix, labels});
      next->prefixes = list_of;
    }
    if (below(8) == 0) cluster.namespaces.edit()["other"] = {{"team", std::to_string(below(2))}};
    return next;
  }

  // Some that are wanted from now on, with the policy that each then has.
  std::vector<unsigned> some_endpoints() {
    std::vector<unsigned> numbers;
    for (unsigned number = 0; number < kEndpoints; ++number) {
      if (below(3) != 0) continue;
      wanted_[number] = below(static_cast<unsigned>(objects().size()));
      numbers.push_back(number);
    }
    return numbers;
  }

  void change() {
    const unsigned kind = below(6);
    if (kind < 3) {
      const auto numbers = some_endpoints();
      if (!numbers.empty()) load(numbers, below(3) == 0 ? other_inventory() : nullptr);
    } else if (kind == 3 && !ids_.empty()) {
      auto gone = ids_.begin();
      std::advance(gone, below(static_cast<unsigned>(ids_.size())));
      const InventoryRef next = below(3) == 0 ? other_inventory() : nullptr;
      must(node_->update({{gone->second}}, next));
      if (next) inventory_ = next;
      ids_.erase(gone);
    } else {
      const InventoryRef next = other_inventory();
      EXPECT_TRUE(must(node_->change_peers(inventory_, next)).starved.empty());
      inventory_ = next;
    }
  }

  // As the agent does after its start.
  void start_again() {
    start();
    const auto actual = must(node_->read());
    static_cast<void>(must(node_->read_inventory()));
    if (actual.dirty) must(node_->update({}, inventory_));
    std::vector<unsigned> all;
    for (const auto& [id, known] : actual.endpoints) {
      unsigned number = 0;
      while (pods_.at(number)->host() != known.record.interface) ++number;
      ids_[number] = id;
      all.push_back(number);
    }
    if (!all.empty()) load(all, inventory_);
  }

  std::mt19937 random_;
};

TEST_F(RandomChanges, LeaveTheNodeAsLabelsAndPoliciesSay) {
  inventory_ = std::make_shared<Inventory>(first_inventory());
  for (unsigned number = 0; number < kEndpoints; ++number) wanted_[number] = 0;
  load(std::vector<unsigned>{0, 1}, inventory_);
  EXPECT_EQ(whole_changes_, 1U);
  expect_sound();
  whole_changes_ = 0;
  for (unsigned round = 0; round < 150 && !HasFailure(); ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    change();
    if (below(2) == 0) expect_sound();
    if (below(25) == 0) {
      must(node_->settle());
      start_again();
    }
  }
  expect_sound();
  EXPECT_EQ(whole_changes_, 0U) << "each went on in the session";
  // There are never as many at once: numbers of those that ended are given again.
  EXPECT_LT(highest_class_, 60U);
}

// What was done is taken back as far as it goes, and another process starts (e2e: killed ones).
TEST_F(RandomChanges, AreRepairedWhenTheyAreBrokenOff) {
  inventory_ = std::make_shared<Inventory>(first_inventory());
  for (unsigned number = 0; number < kEndpoints; ++number) wanted_[number] = 0;
  load(std::vector<unsigned>{0, 1, 2}, inventory_);
  const std::vector<std::string> steps{"state", "shape", "rows",  "addresses", "entry", "attached",
                                       "epoch", "slots", "sweep", "removed",   "peers", "settled"};
  std::size_t breaks = 0;
  for (unsigned round = 0; round < 60 && !HasFailure(); ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    fault_ = steps.at(round % steps.size());
    try {
      for (unsigned i = 0; i < 20 && fault_; ++i) change();
      fault_.reset();
    } catch (const std::runtime_error& error) {
      ASSERT_STREQ(error.what(), "broken off");
      ++breaks;
      node_.reset();
      ids_.clear();
      start_again();
    }
    expect_sound();
  }
  EXPECT_GT(breaks, 40U);
}

// What was given to somebody and never came to disk is not given to others.
TEST_F(KernelNodeTest, NumbersThatADeadProcessGaveAreNotGivenAgain) {
  const auto identity_of = [this](const std::string& address) {
    const auto maps = must(maps::NodeMaps::open(paths_.maps()));
    return must(maps::read_ipcache(maps)).at(host_prefix(*parse_ip_address(address))).identity;
  };
  const auto with = [](unsigned number, const std::string& app) {
    auto inventory = std::make_shared<Inventory>(first_inventory());
    std::vector<policy::Endpoint> pods(inventory->cluster.endpoints.begin(),
                                       inventory->cluster.endpoints.end());
    pods.push_back(pod(number, app, "z"));
    inventory->cluster.endpoints = pods;
    return inventory;
  };
  inventory_ = std::make_shared<Inventory>(first_inventory());
  wanted_ = {{0, 0}, {1, 6}};
  load(std::vector<unsigned>{0, 1}, inventory_);
  must(node_->settle());
  std::set<std::uint32_t> given;
  for (const char* app : {"one", "two"}) {
    must(node_->change_peers(inventory_, with(20, app)));
    EXPECT_TRUE(given.insert(identity_of("10.7.0.21")).second);
  }
  node_.reset();
  start();
  EXPECT_TRUE(must(node_->read()).dirty);
  must(node_->update({}, with(21, "three")));
  EXPECT_FALSE(given.contains(identity_of("10.7.0.22")));
}

TEST_F(KernelNodeTest, AnEndpointThatFailsLeavesTheOthersAsTheyWere) {
  inventory_ = std::make_shared<Inventory>(first_inventory());
  wanted_ = {{0, 0}, {1, 1}};
  load(std::vector<unsigned>{0, 1}, inventory_);
  std::vector<endpoint::LoadRequest> requests{request(0, 6), request(2, 3)};
  requests[1].interface = "nowhere";
  EXPECT_FALSE(node_->load(requests, nullptr));
  expect_sound();
}

TEST_F(KernelNodeTest, AShapeOutgrowsItsMapsInASession) {
  auto inventory = std::make_shared<Inventory>(first_inventory());
  inventory_ = inventory;
  wanted_ = {{0, 0}, {1, 6}};
  load(std::vector<unsigned>{0, 1}, inventory_);
  // Each prefix that the next policy tells apart is a class of its own.
  std::string rules = "  ingress:\n";
  for (int i = 0; i < 300; ++i) {
    const std::string prefix = "10.210." + std::to_string(i / 250) + "." + std::to_string(i % 250);
    rules += from("fromCIDR: [" + prefix + "/32]", 1000 + i);
  }
  const auto large = compile_policies(policy(rules)).at(0);
  std::vector<endpoint::LoadRequest> requests{request(2, 0)};
  requests[0].object = large;
  const auto reports = node_->load(requests, nullptr);
  ASSERT_TRUE(reports) << reports.error().message;
  EXPECT_GE(whole_changes_, 1U);
  const auto state = must(endpoint::read_state(paths_));
  EXPECT_FALSE(state.dirty);
  must(node_->update({{reports->front().endpoint_id}}, nullptr));
  whole_changes_ = 1;
  expect_sound();
}

}  // namespace
}  // namespace policyc::testing
