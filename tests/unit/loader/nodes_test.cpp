// The addresses of nodes in the IP cache, as services tell them.

#include "loader/endpoint/nodes.h"

#include <algorithm>

#include <gmock/gmock.h>

#include "loader/endpoint/inventory.h"
#include "loader/endpoint/load.h"
#include "loader/endpoint/update.h"
#include "loader/maps/node_maps.h"
#include "runtime/abi/abi.h"
#include "tests/unit/loader/load_fixture.h"

namespace policyc::testing {
namespace {

using policy::ClusterNode;
using policy::NodeRole;
using ::testing::Contains;
using ::testing::IsEmpty;
using ::testing::Not;

IpAddress ip(const std::string& text) { return *parse_ip_address(text); }

ClusterNode node(NodeRole role, const std::string& name,
                 const std::vector<std::string>& addresses) {
  ClusterNode result{.role = role, .name = name, .labels = {}, .addresses = {}};
  for (const std::string& address : addresses) result.addresses.push_back(ip(address));
  return result;
}

class NodesTest : public LoadTest {
 protected:
  // By address, what the IP cache has.
  [[nodiscard]] std::map<std::string, std::uint32_t> identities() const {
    std::map<std::string, std::uint32_t> result;
    for (const auto& [prefix, entry] :
         must(maps::read_ipcache(must(maps::NodeMaps::open(paths_.maps())))))
      result[prefix.to_string()] = entry.identity;
    return result;
  }
  void load(const endpoint::Inventory& everything) const {
    const Pod web("nod0", "10.9.1.1");
    endpoint::LoadRequest one = request(object("client", 8000), web);
    one.inventory = everything;
    must(endpoint::load_endpoint(paths_, one));
  }
  void set(const std::vector<ClusterNode>& nodes, bool make_maps = true) const {
    must(endpoint::set_nodes(paths_, nodes, make_maps));
  }
};

TEST_P(NodesTest, TheHostAndOtherNodesAreKnown) {
  set({node(NodeRole::Host, "n1", {"192.0.2.1", "2001:db8::1"}),
       node(NodeRole::RemoteNode, "n2", {"192.0.2.2", "192.0.2.1"})});
  const std::map<std::string, std::uint32_t> expected = {{"192.0.2.1/32", IDENTITY_HOST},
                                                         {"192.0.2.2/32", IDENTITY_REMOTE_NODE},
                                                         {"2001:db8::1/128", IDENTITY_HOST}};
  EXPECT_EQ(identities(), expected);
  const auto again =
      must(endpoint::set_nodes(paths_,
                               {node(NodeRole::Host, "n1", {"192.0.2.1", "2001:db8::1"}),
                                node(NodeRole::RemoteNode, "n2", {"192.0.2.2"})},
                               true));
  EXPECT_FALSE(again.any());
  set({node(NodeRole::Host, "n1", {"192.0.2.7"})});
  EXPECT_EQ(identities(), (std::map<std::string, std::uint32_t>{{"192.0.2.7/32", IDENTITY_HOST}}));
}

TEST_P(NodesTest, UpdatesOfWhatExistsKeepThem) {
  set({node(NodeRole::Host, "n1", {"192.0.2.1"})});
  load(inventory());
  endpoint::UpdateRequest update;
  update.inventory = inventory();
  must(endpoint::update_node(paths_, update));
  EXPECT_EQ(identities()["192.0.2.1/32"], IDENTITY_HOST);
}

TEST_P(NodesTest, LoadsKeepThem) {
  set({node(NodeRole::Host, "n1", {"192.0.2.1"})});
  endpoint::Inventory everything = inventory();
  everything.cluster.nodes = {node(NodeRole::RemoteNode, "n1", {"192.0.2.1", "192.0.2.11"}),
                              node(NodeRole::RemoteNode, "n3", {"192.0.2.3", "192.0.2.1"})};
  load(everything);
  const auto known = identities();
  EXPECT_THAT(known,
              Contains(std::pair<const std::string, std::uint32_t>("192.0.2.1/32", IDENTITY_HOST)));
  EXPECT_THAT(known, Contains(std::pair<const std::string, std::uint32_t>("192.0.2.3/32",
                                                                          IDENTITY_REMOTE_NODE)));
  EXPECT_FALSE(known.contains("192.0.2.11/32")) << "n1 is known better";
}

TEST_P(NodesTest, WithoutMapsTheNextLoadWritesThem) {
  set({node(NodeRole::Host, "n1", {"192.0.2.1"})}, false);
  EXPECT_FALSE(maps::NodeMaps::open(paths_.maps()));
  load(inventory());
  EXPECT_EQ(identities().at("192.0.2.1/32"), std::uint32_t{IDENTITY_HOST});
}

TEST_P(NodesTest, InterfacesTellTheNodesOwnAddresses) {
  shell("ip addr replace 198.51.100.7/32 dev lo");
  add_loopback6("2001:db8::7");
  const auto addresses = must(endpoint::local_addresses());
  EXPECT_THAT(addresses, Contains(ip("198.51.100.7")));
  EXPECT_THAT(addresses, Contains(ip("2001:db8::7")));
  EXPECT_THAT(addresses, Not(Contains(ip("127.0.0.1"))));
  EXPECT_THAT(addresses, Not(Contains(ip("::1"))));
}

INSTANTIATE_TEST_SUITE_P(Hooks, NodesTest, ::testing::Values(attach::HookChoice::Auto));

}  // namespace
}  // namespace policyc::testing
