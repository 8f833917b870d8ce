// loader/reconcile/peer_changes: whatever is said of addresses, in whatever order it changes, the
// changes lead to what labelling everything gives.

#include "loader/reconcile/peer_changes.h"

#include <map>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "loader/endpoint/identities.h"
#include "loader/endpoint/shapes.h"
#include "tests/unit/loader/programs.h"

namespace policyc::testing {
namespace {

using namespace reconcile;
using endpoint::Inventory;
using policy::ClusterNode;
using policy::NodeRole;

IpAddress ip(const std::string& text) { return *parse_ip_address(text); }

// Policies whose predicates name prefixes, one of them an address that pods have, and a name.
const std::vector<ir::Shape>& shapes() {
  static const std::vector<ir::Shape> kShapes = [] {
    const std::string head =
        "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: p, namespace: "
        "shop}\nspec:\n  endpointSelector: {}\n";
    std::vector<ir::Shape> result;
    for (const char* rules :
         {"  ingress: [{fromCIDR: [10.7.0.4/31, 10.0.0.0/8]}]\n",
          "  ingress: [{fromCIDR: [10.7.0.3/32, \"2001:db8::/48\"]}]\n",
          "  egress: [{toFQDNs: [{matchPattern: \"*.example\"}]}]\n", "  ingress: [{}]\n"})
      result.push_back(*endpoint::read_shape(compile_policies(head + rules).at(0)));
    return result;
  }();
  return kShapes;
}

class PeerChanges : public ::testing::TestWithParam<bool> {
 protected:
  PeerChanges() {
    now_.options.cidr_match_nodes = GetParam();
    now_.options.node_selector_labels = GetParam();
    now_.cluster.namespaces = {{"shop", {}}, {"other", {}}};
  }
  unsigned below(unsigned limit) { return static_cast<unsigned>(random_() % limit); }
  bool one_in(unsigned limit) { return below(limit) == 0; }

  // Few, so that pods, nodes, answers and prefixes meet.
  IpAddress some_address() {
    if (one_in(6)) return ip("2001:db8::" + std::to_string(1 + below(4)));
    return ip((one_in(4) ? "10.9.0." : "10.7.0.") + std::to_string(1 + below(9)));
  }
  // No pod has these.
  IpAddress host_address() { return ip("10.8.0." + std::to_string(1 + below(3))); }
  std::vector<IpAddress> some_addresses() {
    std::vector<IpAddress> result{some_address()};
    if (one_in(3)) result.push_back(some_address());
    return result;
  }

  void change_pods() {
    std::map<std::pair<std::string, std::string>, policy::Endpoint> pods;
    for (const policy::Endpoint& one : now_.cluster.endpoints)
      pods[{one.namespace_, one.name}] = one;
    for (unsigned left = 1 + below(3); left != 0; --left) {
      policy::Endpoint pod;
      pod.namespace_ = one_in(2) ? "shop" : "other";
      pod.name = "p" + std::to_string(below(9));
      pod.labels = {{"app", "a" + std::to_string(below(3))}};
      pod.addresses = some_addresses();
      if (with_hosts_ && one_in(20)) {
        pod.kind = policy::EndpointKind::Host;
        pod.addresses = {host_address()};
      }
      if (one_in(3)) {
        pods.erase({pod.namespace_, pod.name});
      } else {
        pods[{pod.namespace_, pod.name}] = pod;
      }
    }
    std::vector<policy::Endpoint> list;
    for (const auto& [name, pod] : pods) list.push_back(pod);
    now_.cluster.endpoints = list;
  }

  ClusterNode some_node(unsigned number) {
    ClusterNode node;
    node.name = "n" + std::to_string(number);
    node.addresses = some_addresses();
    node.labels = {{"zone", "z" + std::to_string(below(2))}};
    if (one_in(8)) node.role = NodeRole::KubeApiServer;
    if (one_in(4)) node.addresses.push_back(host_address());
    if (number > 1) return node;
    if (one_in(2)) {
      node.role = number == 0 ? NodeRole::Host : NodeRole::KubeApiServerHost;
      node.addresses = {host_address(), host_address()};
    }
    return node;
  }

  void change_nodes() {
    std::map<std::string, ClusterNode> nodes;
    for (const ClusterNode& node : now_.cluster.nodes) nodes[node.name] = node;
    const ClusterNode node = some_node(below(7));
    if (one_in(3)) {
      nodes.erase(node.name);
    } else {
      nodes[node.name] = node;
    }
    std::vector<ClusterNode> list;
    for (const auto& [name, one] : nodes) list.push_back(one);
    now_.cluster.nodes = list;
  }

  void change_prefixes() {
    std::map<IpPrefix, policy::LabelSet> prefixes;
    for (const policy::PrefixLabels& one : now_.prefixes) prefixes[one.prefix] = one.labels;
    const std::vector<std::string> texts = {"0.0.0.0/0",   "10.7.0.0/16",   "10.7.0.0/30",
                                            "10.7.0.4/30", "10.7.0.5/32",   "10.9.0.0/24",
                                            "::/0",        "2001:db8::/64", "10.8.0.0/30"};
    const IpPrefix prefix = *parse_ip_prefix(texts.at(below(9)));
    if (one_in(3)) {
      prefixes.erase(prefix);
    } else {
      policy::LabelSet labels;
      labels.set({"cidrgroup", "g" + std::to_string(below(3)), ""});
      if (one_in(3)) labels.set(policy::cidr_label(prefix));
      prefixes[prefix] = labels;
    }
    std::vector<policy::PrefixLabels> list;
    for (const auto& [one, labels] : prefixes) list.push_back({one, labels});
    now_.prefixes = list;
  }

  void change_answers() {
    const std::string name = one_in(3) ? "one.other" : "n" + std::to_string(below(4)) + ".example";
    auto& dns = now_.cluster.dns.edit();
    if (one_in(3)) {
      dns.erase(name);
    } else {
      dns[name] = some_addresses();
      if (one_in(4)) dns[name].push_back(host_address());
    }
  }

  void change_namespaces() {
    auto& namespaces = now_.cluster.namespaces.edit();
    if (one_in(4)) {
      namespaces.erase("other");
    } else {
      namespaces["other"] = {{"team", "t" + std::to_string(below(3))}};
    }
  }

  void change_something() {
    switch (below(7)) {
      case 0:
        return change_nodes();
      case 1:
        return change_prefixes();
      case 2:
        return change_answers();
      case 3:
        return change_namespaces();
      default:
        return change_pods();
    }
  }

  Inventory now_;
  bool with_hosts_ = false;  // endpoints that are the host
  std::mt19937 random_{std::random_device{}()};
};

TEST_P(PeerChanges, LeadToWhatLabellingEverythingGives) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  random_.seed(seed);
  // As services know the host and a neighbour.
  ClusterNode host{NodeRole::Host, "n0", {}, {ip("10.8.0.1")}};
  ClusterNode neighbour{NodeRole::RemoteNode, "n2", {{"zone", "z0"}}, {ip("10.9.0.2")}};
  for (int round = 0; round < 12; ++round) {
    with_hosts_ = round % 4 == 3;
    now_.cluster.endpoints.clear();
    const KnownNodes known = round % 3 == 0 ? KnownNodes{}
                             : round % 3 == 1
                                 ? KnownNodes{std::vector<ClusterNode>{neighbour}}
                                 : KnownNodes{std::vector<ClusterNode>{host, neighbour}};
    std::vector<const ir::Shape*> running;
    for (const ir::Shape& shape : shapes()) {
      if (one_in(2)) running.push_back(&shape);
    }
    const Inventory nothing{now_.options, {}, {}};
    AddressCounts counts{nothing.cluster.endpoints};
    NamedAddresses named;
    Inventory before = nothing;
    Labels addresses = all_labels({nothing, known, running});
    for (int step = 0; step < 150; ++step) {
      for (unsigned left = 1 + below(one_in(4) ? 4 : 1); left != 0; --left) change_something();
      const auto changes = address_changes(before, now_, known, running, {counts, named});
      for (const AddressChange& change : changes) {
        if (change.labels.empty()) {
          EXPECT_EQ(addresses.erase(change.prefix), 1U) << change.prefix.to_string();
        } else {
          addresses[change.prefix] = change.labels;
        }
      }
      const Labels whole = all_labels({now_, known, running});
      for (const auto& [prefix, labels] : whole)
        ASSERT_EQ(addresses[prefix], labels)
            << "round " << round << ", step " << step << ": " << prefix.to_string() << " is "
            << addresses[prefix].to_string() << " instead of " << labels.to_string();
      ASSERT_EQ(addresses.size(), whole.size()) << "round " << round << ", step " << step;
      // One that leaves the node is what is said of it.
      const IpAddress address = one_in(8) ? host_address() : some_address();
      const auto to = changes_to({now_, known, running}, named, {address});
      ASSERT_EQ(to.size(), 1U);
      const auto found = whole.find(host_prefix(address));
      ASSERT_EQ(to[0].labels, found == whole.end() ? policy::LabelSet{} : found->second)
          << address.to_string() << " is " << to[0].labels.to_string() << " instead of "
          << (found == whole.end() ? "nothing" : found->second.to_string());
      before = now_;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(NodesMatchPrefixes, PeerChanges, ::testing::Bool());

}  // namespace
}  // namespace policyc::testing
