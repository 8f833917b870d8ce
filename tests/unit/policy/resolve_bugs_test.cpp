// Every known bug of Cilium 1.19.4 that changes a verdict is reported at its place (spec
// sections 3.3, 5, 8, 9).

#include <gtest/gtest.h>

#include "tests/unit/policy/resolve_support.h"

namespace policyc::policy {
namespace {

class KnownBugs : public testing::Test {
 protected:
  ResolveRun run_;
};

TEST_F(KnownBugs, PodLabelsHostAndInit) {
  Endpoint host;
  host.name = "h";
  host.labels = {{"host", "n1"}};
  Endpoint init;
  init.name = "i";
  init.labels = {{"init", "1"}};
  run_.cluster.endpoints = {host, init};
  run_.run_rule("  ingress: [{}]\n");
  EXPECT_EQ(run_.place_of(diag::Id::HostLabelDisablesPolicy), "nowhere");
  EXPECT_EQ(run_.place_of(diag::Id::InitLabelForcesPolicy), "nowhere");
}

TEST_F(KnownBugs, IpBlockPeerAllowsTheNamespace) {
  run_.run_network_policy(
      "  ingress:\n    - from:\n        - ipBlock: {cidr: 192.0.2.0/24}\n  policyTypes: "
      "[Ingress]\n");
  EXPECT_EQ(run_.place_of(diag::Id::IpBlockAllowsNamespace), "8:11");
  ASSERT_EQ(run_.resolved.entries.size(), 1U);
  EXPECT_EQ(run_.resolved.entries[0].peers.size(), 2U);
}

TEST_F(KnownBugs, IpBlockPeerWithoutLocalClusterAllowsTheBlockOnly) {
  run_.options.default_local_cluster = false;
  run_.run_network_policy(
      "  ingress:\n    - from:\n        - ipBlock: {cidr: 192.0.2.0/24}\n  policyTypes: "
      "[Ingress]\n");
  EXPECT_EQ(run_.place_of(diag::Id::IpBlockAllowsNamespace), "");
  EXPECT_EQ(run_.resolved.entries.at(0).peers.size(), 1U);
}

TEST_F(KnownBugs, LongKeyOfNetworkPolicySelectsEverything) {
  run_.run_network_policy("  ingress:\n    - from:\n        - namespaceSelector: {matchLabels: {" +
                          std::string(30, 'n') + ": x}}\n  policyTypes: [Ingress]\n");
  EXPECT_EQ(run_.place_of(diag::Id::BrokenSelectorSelectsAll), "8:11");
  EXPECT_TRUE(run_.resolved.entries.at(0).peers.at(0).matches_everything());
}

TEST_F(KnownBugs, ServicesThatMatchNothing) {
  run_.run_rule(
      "  egress:\n    - toServices: [{k8sService: {serviceName: gone}}]\n      toPorts: [{ports: "
      "[{port: \"80\"}]}]\n");
  EXPECT_EQ(run_.place_of(diag::Id::ServicesMatchNothing), "7:7");
  EXPECT_EQ(run_.resolved.entries.at(0).l3, L3::Empty);
}

TEST_F(KnownBugs, ServicesInDeny) {
  run_.run_rule("  egressDeny:\n    - toServices: [{k8sService: {serviceName: gone}}]\n");
  EXPECT_EQ(run_.place_of(diag::Id::ServicesIgnoredInDeny), "7:7");
}

TEST_F(KnownBugs, ServiceSelectorKeyWithADot) {
  Service service;
  service.namespace_ = "a";
  service.name = "db";
  service.labels = {{"app.kubernetes.io/name", "db"}};
  service.selector = {{"app", "db"}};
  run_.cluster.services = {service};
  run_.run_rule(
      "  egress:\n    - toServices:\n        - k8sServiceSelector:\n            selector: "
      "{matchLabels: "
      "{app.kubernetes.io/name: db}}\n");
  EXPECT_EQ(run_.place_of(diag::Id::ServiceSelectorDottedKey), "9:38");
  EXPECT_TRUE(run_.resolved.entries.at(0).peers.empty());
}

TEST_F(KnownBugs, IcmpTypes) {
  run_.run_rule(
      "  ingress:\n    - icmps: [{fields: [{type: 0}]}]\n    - icmps: [{fields: [{type: 300}]}]\n");
  EXPECT_EQ(run_.place_of(diag::Id::IcmpTypeZero), "7:32");
  EXPECT_EQ(run_.place_of(diag::Id::IcmpTypeTooLarge), "8:32");
}

TEST_F(KnownBugs, OddPorts) {
  run_.run_rule(
      "  ingress:\n    - toPorts:\n        - ports:\n            - {port: \"0\", endPort: 1023}\n"
      "            - {port: http, endPort: 99}\n            - {port: \"010\"}\n            - "
      "{port: \"90\", endPort: 80}\n");
  EXPECT_EQ(run_.place_of(diag::Id::RangeFromZero), "9:15");
  EXPECT_EQ(run_.place_of(diag::Id::NamedPortRange), "10:15");
  EXPECT_EQ(run_.place_of(diag::Id::OctalPort), "11:22");
  EXPECT_EQ(run_.place_of(diag::Id::EndPortBelowPort), "12:37");
}

TEST_F(KnownBugs, PolicyTypesThatCiliumIgnores) {
  run_.run_network_policy("  egress: [{}]\n  policyTypes: [Ingress]\n");
  EXPECT_EQ(run_.place_of(diag::Id::PolicyTypesIgnored), "7:17");
}

TEST_F(KnownBugs, CidrGroupSelectorWithoutAPositiveRequirement) {
  run_.run_rule("  egress:\n    - toCIDRSet:\n        - cidrGroupSelector: {}\n");
  EXPECT_NE(run_.place_of(diag::Id::CidrGroupSelectorSelectsAll), "");
}

TEST_F(KnownBugs, EmptyListThatMeansEverybody) {
  run_.run_rule("  egress:\n    - toFQDNs: []\n      toPorts: [{ports: [{port: \"80\"}]}]\n");
  EXPECT_EQ(run_.place_of(diag::Id::EmptyListSelectsAll), "7:7");
}

TEST_F(KnownBugs, SelectorThatOnlyExcludes) {
  run_.options.default_local_cluster = false;
  run_.run_rule(
      "  ingress:\n    - fromEndpoints:\n        - matchExpressions: [{key: "
      "io.kubernetes.pod.namespace, operator: NotIn, "
      "values: [b]}]\n");
  EXPECT_NE(run_.place_of(diag::Id::NegativeSelectorSelectsWorld), "");
}

TEST_F(KnownBugs, ListenerOfAClusterwidePolicy) {
  run_.run(
      "apiVersion: cilium.io/v2\nkind: CiliumClusterwideNetworkPolicy\nmetadata: {name: p}\nspec:\n"
      "  endpointSelector: {}\n  egress:\n    - toPorts:\n        - ports: [{port: \"80\", "
      "protocol: TCP}]\n"
      "          listener: {envoyConfig: {name: c}, name: l}\n");
  EXPECT_NE(run_.place_of(diag::Id::ListenerInSubjectNamespace), "");
}

TEST_F(KnownBugs, DefaultDenyFlagWithoutItems) {
  run_.run_rule("  enableDefaultDeny: {ingress: true}\n  egress: [{}]\n");
  EXPECT_EQ(run_.place_of(diag::Id::DefaultDenyWithoutItems), "6:32");
}

TEST_F(KnownBugs, NamesTheUpstreamIssue) {
  run_.run_network_policy(
      "  ingress: [{from: [{ipBlock: {cidr: 192.0.2.0/24}}]}]\n  policyTypes: [Ingress]\n");
  ASSERT_FALSE(run_.diagnostics.all().empty());
  EXPECT_NE(run_.diagnostics.all()[0].help.find("cilium/cilium#46305"), std::string::npos);
}

}  // namespace
}  // namespace policyc::policy
