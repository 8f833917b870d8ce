#include "compiler/diff/diff.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/explain/cluster_text.h"

namespace policyc::diff {
namespace {

using policyc::testing::ClusterText;
using policyc::testing::pod;
using policyc::testing::policy_for;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const std::string kPods = pod("shop", "web-0", "web") + pod("shop", "web-1", "web") +
                          pod("shop", "api-0", "api") + pod("shop", "db-0", "db");

std::string ingress(const std::string& from, const std::string& ports) {
  return "  ingress:\n  - fromEndpoints: [" + from + "]\n    toPorts: [" + ports + "]\n";
}
std::string app(const std::string& name) { return "{matchLabels: {app: " + name + "}}"; }
std::string tcp(const std::string& port, const std::string& rest = {}) {
  return "{ports: [{port: \"" + port + "\", protocol: TCP}]" + rest + "}";
}

Report compare(const std::string& before, const std::string& after, bool with_pods = true) {
  const ClusterText old_side(before + (with_pods ? kPods : ""), {}, "old.yaml");
  const ClusterText new_side(after + (with_pods ? kPods : ""), {}, "new.yaml");
  Options options;
  options.has_inventory = with_pods;
  return diff(old_side.model(), new_side.model(), options);
}

TEST(Diff, APortThatIsOpened) {
  const Report found =
      compare(policy_for("shop", "api", "api", ingress(app("web"), tcp("80"))),
              policy_for("shop", "api", "api", ingress(app("web"), tcp("80") + ", " + tcp("443"))));
  ASSERT_EQ(found.regions.size(), 1U) << to_text(found);
  const Region& region = found.regions.front();
  EXPECT_THAT(region.subjects, ElementsAre("shop/api-0"));
  EXPECT_EQ(region.direction, 0U);
  EXPECT_EQ(region.before.text, "denied by default");
  EXPECT_EQ(region.after.text, "allowed");
  EXPECT_EQ(region.after.origins.front().file, "new.yaml");
  EXPECT_EQ(region.before.origins.front().file, "old.yaml");
  EXPECT_THAT(region.ports, ElementsAre(matrix::PortRange{6, 443, 443}));
  EXPECT_THAT(region.peers, HasSubstr("app=web"));
  EXPECT_EQ(region.known_peers, 2U);
  EXPECT_THAT(region.witness.peer, HasSubstr("shop/web-"));
  EXPECT_EQ(found.subjects, 1U) << "nobody else is looked at";
}

TEST(Diff, ADenyTakesAway) {
  const std::string base =
      policy_for("shop", "api", "api", "  ingress:\n  - fromEntities: [all]\n");
  const Report found =
      compare(base, base + policy_for("shop", "no-db", "api",
                                      "  ingressDeny:\n  - fromEndpoints: [" + app("db") + "]\n"));
  ASSERT_EQ(found.regions.size(), 1U) << to_text(found);
  EXPECT_EQ(found.regions[0].after.text, "denied");
  EXPECT_EQ(found.regions[0].known_peers, 1U);
  EXPECT_EQ(found.regions[0].witness.peer, "shop/db-0");
  EXPECT_THAT(found.regions[0].ports, ElementsAre(matrix::PortRange{}));
}

TEST(Diff, TheFirstPolicyPutsIntoDefaultDeny) {
  const Report found =
      compare("", policy_for("shop", "api", "api", ingress(app("web"), tcp("80"))));
  ASSERT_FALSE(found.regions.empty());
  for (const Region& region : found.regions) {
    EXPECT_EQ(region.before.text, "allowed: no policy selects it in this direction");
    EXPECT_EQ(region.after.text, "denied by default");
    EXPECT_NE(region.peers, "anybody") << "allow-localhost";
  }
}

TEST(Diff, AnEditWithoutEffectSaysSo) {
  const std::string base = policy_for("shop", "api", "api", ingress(app("web"), tcp("80")));
  const Report found =
      compare(base, base + policy_for("shop", "more", "api", ingress(app("web"), tcp("80"))));
  EXPECT_THAT(found.regions, IsEmpty()) << to_text(found);
  EXPECT_THAT(found.without_effect, ElementsAre("CiliumNetworkPolicy/shop/more"));
  EXPECT_FALSE(found.differs());
  EXPECT_THAT(to_text(found), HasSubstr("CiliumNetworkPolicy/shop/more changed without effect"));
}

TEST(Diff, WhatIsWrittenOtherwiseIsNoChange) {
  const Report found = compare(
      policy_for("shop", "api", "api", ingress(app("web") + ", " + app("db"), tcp("80"))),
      "# a comment\n" + policy_for("shop", "api", "api",
                                   ingress(app("db"), tcp("80")) + "  - fromEndpoints: [" +
                                       app("web") + "]\n    toPorts: [" + tcp("80") + "]\n"));
  EXPECT_FALSE(found.differs()) << to_text(found);
}

TEST(Diff, RequestsAreCompared) {
  const auto http = [](const std::string& rules) {
    return tcp("80", ", rules: {http: [" + rules + "]}");
  };
  const Report found = compare(
      policy_for("shop", "api", "api", ingress(app("web"), http("{method: GET, path: /a}"))),
      policy_for(
          "shop", "api", "api",
          ingress(app("web"), http("{method: GET, path: /a}, {method: POST, path: \"/b/.*\"}"))));
  ASSERT_EQ(found.regions.size(), 1U) << to_text(found);
  EXPECT_THAT(found.regions[0].requests_removed, IsEmpty());
  EXPECT_THAT(found.regions[0].requests_added, ElementsAre("http POST /b/.*"));
  EXPECT_THAT(found.regions[0].witness.request, HasSubstr("http POST \"/b/"));
}

TEST(Diff, ATellingRequestIsFoundInClassesAndAlternatives) {
  const auto http = [](const std::string& rule) {
    return policy_for("shop", "api", "api",
                      ingress(app("web"), tcp("80", ", rules: {http: [" + rule + "]}")));
  };
  const auto request = [&](const std::string& before, const std::string& after) {
    const Report found = compare(http(before), http(after));
    return found.regions.size() == 1 ? found.regions[0].witness.request : to_text(found);
  };
  EXPECT_EQ(request("{path: /v1/.*}", "{path: \"/v[12]/.*\"}"), "http GET \"/v2/x\"");
  EXPECT_EQ(request("{method: GET}", "{method: GET|HEAD}"), "http HEAD \"/\"");
  EXPECT_EQ(request("{path: /a/(b|c)/d}", "{path: /a/b/d}"), "http GET \"/a/c/d\"");
}

TEST(Diff, APlainAllowBesideARedirectVoidsIt) {
  const std::string redirect = policy_for(
      "shop", "api", "api", ingress(app("web"), tcp("80", ", rules: {http: [{method: GET}]}")));
  const Report found = compare(
      redirect, redirect + policy_for("shop", "more", "api", ingress(app("web"), tcp("80"))));
  ASSERT_EQ(found.regions.size(), 1U) << to_text(found);
  EXPECT_THAT(found.regions[0].requests_added, ElementsAre("every request"));
}

TEST(Diff, WithoutAnInventorySubjectsAreSelectors) {
  const Report found =
      compare(policy_for("shop", "api", "api", ingress(app("web"), tcp("80"))),
              policy_for("shop", "api", "api", ingress(app("web"), tcp("81"))), false);
  ASSERT_EQ(found.regions.size(), 2U) << to_text(found);
  for (const Region& region : found.regions) {
    EXPECT_THAT(region.subjects.front(), HasSubstr("app=api"));
    EXPECT_THAT(region.witness.peer, HasSubstr("a pod with app=web in shop"));
  }
}

TEST(Diff, CidrGroupsCountToo) {
  const std::string policy =
      policy_for("shop", "api", "api", "  ingress:\n  - fromCIDRSet: [{cidrGroupRef: office}]\n");
  const auto group = [](const std::string& cidr) {
    return "---\napiVersion: cilium.io/v2\nkind: CiliumCIDRGroup\nmetadata: {name: office}\nspec: "
           "{externalCIDRs: [" +
           cidr + "]}\n";
  };
  const Report found = compare(policy + group("192.0.2.0/24"), policy + group("198.51.100.0/24"));
  ASSERT_EQ(found.regions.size(), 2U) << to_text(found);
  std::vector<std::string> changes;
  for (const Region& region : found.regions)
    changes.push_back(region.witness.peer + " " + region.after.text);
  EXPECT_THAT(changes,
              ::testing::UnorderedElementsAre(HasSubstr("192.0.2"), HasSubstr("198.51.100")));
}

TEST(Diff, LabelsOfAPodCount) {
  const std::string policy = policy_for("shop", "api", "api", ingress(app("web"), tcp("80")));
  const ClusterText before(policy + pod("shop", "x", "db"));
  const ClusterText after(policy + pod("shop", "x", "api"));
  const Report found = diff(before.model(), after.model(), {true, 65536});
  EXPECT_TRUE(found.differs());
  EXPECT_THAT(found.regions.front().subjects, ElementsAre("shop/x"));
}

TEST(Diff, EndpointsOfOneSideAreNamed) {
  const ClusterText before(kPods);
  const ClusterText after(kPods + pod("shop", "new", "web"));
  const Report found = diff(before.model(), after.model(), {true, 65536});
  EXPECT_THAT(found.only_after, ElementsAre("shop/new"));
  EXPECT_FALSE(found.differs());
}

}  // namespace
}  // namespace policyc::diff
