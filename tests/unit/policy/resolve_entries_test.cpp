// Policies to entries: order, paths, L3 and L4 parts (spec sections 4.5, 6.1, 8), and what
// resolution refuses.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/policy/resolve_support.h"

namespace policyc::policy {
namespace {

class Entries : public testing::Test {
 protected:
  std::vector<std::string> paths() const {
    std::vector<std::string> out;
    for (const Entry& entry : run_.resolved.entries) out.push_back(entry.origin.path);
    return out;
  }
  const Entry& only() const { return run_.resolved.entries.at(0); }
  ResolveRun run_;
};

TEST_F(Entries, OnePerItemInTheOrderOfTheFourSections) {
  run_.run_rule(
      "  egressDeny: [{}]\n  egress: [{}]\n  ingressDeny: [{}]\n  ingress: [{}, {}]\nspecs:\n"
      "  - endpointSelector: {}\n    ingress: [{}]\n");
  EXPECT_THAT(paths(),
              testing::ElementsAre("spec.ingress[0]", "spec.ingress[1]", "spec.ingressDeny[0]",
                                   "spec.egress[0]", "spec.egressDeny[0]", "specs[0].ingress[0]"));
  EXPECT_EQ(only().origin.object(), "CiliumNetworkPolicy/a/p");
  EXPECT_EQ(run_.sources.file_line(only().origin.node), "test.yaml:9");
}

TEST_F(Entries, TellsNothingFromEmpty) {
  run_.run_rule(
      "  ingress: [{fromEndpoints: []}, {fromEndpoints: null}, {fromEntities: [host]}]\n");
  EXPECT_EQ(run_.resolved.entries.at(0).l3, L3::Nothing);
  EXPECT_EQ(run_.resolved.entries.at(1).l3, L3::Empty);
  EXPECT_EQ(run_.resolved.entries.at(2).l3, L3::Selectors);
}

TEST_F(Entries, ExpandsAnyToThreeProtocols) {
  run_.run_rule("  ingress: [{toPorts: [{ports: [{port: \"53\"}]}]}]\n");
  std::vector<std::string_view> protocols;
  for (const PortSpec& port : only().l4.at(0).ports)
    protocols.push_back(protocol_name(port.protocol));
  EXPECT_THAT(protocols, testing::ElementsAre("TCP", "UDP", "SCTP"));
}

TEST_F(Entries, DefaultDenyFollowsTheFlagUnlessTheAgentIgnoresIt) {
  const std::string body = "  enableDefaultDeny: {ingress: false}\n  ingress: [{}]\n";
  run_.run_rule(body);
  EXPECT_FALSE(only().default_deny);
  ResolveRun forced;
  forced.options.non_default_deny = false;
  forced.run_rule(body);
  EXPECT_TRUE(forced.resolved.entries.at(0).default_deny);
}

TEST_F(Entries, OfNetworkPolicyAreOnePerPeer) {
  run_.run_network_policy(
      "  ingress:\n    - from: [{podSelector: {}}, {namespaceSelector: {}}]\n  policyTypes: "
      "[Ingress, Egress]\n");
  EXPECT_THAT(paths(), testing::ElementsAre("spec.ingress[0].from[0]", "spec.ingress[0].from[1]",
                                            "spec.policyTypes"));
  EXPECT_EQ(run_.resolved.entries.back().direction, Direction::Egress);
  EXPECT_EQ(run_.resolved.entries.back().l3, L3::Nothing);
}

TEST_F(Entries, MentionEveryPrefixAndItsExceptions) {
  run_.run_rule(
      "  egress: [{toCIDRSet: [{cidr: 10.1.2.3/8, except: [10.1.0.0/16]}]}, {toCIDR: "
      "[0.0.0.0/0]}]\n");
  std::vector<std::string> prefixes;
  for (const PrefixLabels& prefix : run_.resolved.prefixes) {
    prefixes.push_back(prefix.prefix.to_string() + " " + prefix.labels.to_string());
  }
  EXPECT_THAT(prefixes, testing::UnorderedElementsAre("0.0.0.0/0 ", "10.0.0.0/8 cidr:10.0.0.0/8",
                                                      "10.1.0.0/16 cidr:10.1.0.0/16"));
}

TEST_F(Entries, OfAPolicyWithGroupsAreLeftOut) {
  run_.run_rule("  ingress: [{}]\n  egress: [{toGroups: [{aws: {region: r}}]}]\n");
  EXPECT_TRUE(run_.resolved.entries.empty());
  EXPECT_EQ(run_.place_of(diag::Id::GroupsSkipped), "7:13");
}

TEST_F(Entries, UnknownGroupSelectsNothing) {
  run_.run_rule("  egress: [{toCIDRSet: [{cidrGroupRef: g}]}]\n");
  EXPECT_EQ(run_.place_of(diag::Id::UnknownCidrGroup), "6:40");
  EXPECT_EQ(only().l3, L3::Selectors);
  EXPECT_TRUE(run_.resolved.prefixes.empty());
}

// What only a policy that skipped sanitize can hold must not widen anything.
TEST_F(Entries, WhatCannotBeUnderstoodSelectsNothing) {
  run_.read(
      "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: p, namespace: "
      "a}\nspec:\n"
      "  endpointSelector: {}\n  egress: [{toCIDR: [10.0.0.0/8]}, {toEntities: [host]}, {toPorts: "
      "[{ports: [{port: "
      "\"80\"}]}]}]\n");
  auto& items = *run_.policies.cilium.at(0).spec->egress;
  items[0].cidrs->at(0).value = "nonsense";
  items[1].entities->at(0).value = "nobody-knows";
  items[2].ports->at(0).ports->at(0).port.value = "65536";
  CidrGroup group;
  group.name.value = "g";
  group.external_cidrs.push_back({"nonsense", items[0].node});
  run_.policies.cidr_groups.push_back(group);
  run_.resolve();
  EXPECT_NE(run_.place_of(diag::Id::InvalidPrefix), "");
  EXPECT_NE(run_.place_of(diag::Id::UnknownEntity), "");
  EXPECT_NE(run_.place_of(diag::Id::InvalidPort), "");
  EXPECT_NE(run_.place_of(diag::Id::SkippedGroupPrefix), "");
  EXPECT_EQ(run_.resolved.entries.at(0).l3, L3::Nothing);
  EXPECT_EQ(run_.resolved.entries.at(1).l3, L3::Nothing);
  EXPECT_TRUE(run_.resolved.entries.at(2).has_l4);
  EXPECT_TRUE(run_.resolved.entries.at(2).l4.at(0).ports.empty());
}

}  // namespace
}  // namespace policyc::policy
