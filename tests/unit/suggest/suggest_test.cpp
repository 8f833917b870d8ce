// Policies from flows: goldens, that each flow is allowed and little else is, and that the proof
// can fail.
#include "compiler/suggest/suggest.h"

#include <fstream>
#include <random>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "compiler/suggest/proof.h"
#include "tests/support/golden.h"

namespace policyc::suggest::testing {
namespace {

using policyc::testing::matches_golden;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

ReadFlows read(const std::string& file) {
  std::ifstream in(file);
  ReadFlows flows;
  read_flows(in, flows);
  EXPECT_EQ(flows.bad_lines, 0U);
  return flows;
}

std::string text_of(const Proof& proof) {
  std::string text = proof.error + "allowed " + std::to_string(proof.allowed) + ", tried " +
                     std::to_string(proof.asked) + "\n";
  for (const std::string& one : proof.denied) text += "not allowed: " + one + "\n";
  for (const std::string& one : proof.more) text += "also allowed: " + one + "\n";
  return text;
}

class SuggestGolden : public ::testing::TestWithParam<policyc::testing::GoldenCase> {};

TEST_P(SuggestGolden, PoliciesAndTheirProof) {
  const auto& folder = GetParam().folder;
  const ReadFlows flows = read(folder / "flows.jsonl");
  ASSERT_FALSE(flows.flows.empty());
  const std::string policies = write_policies(flows.flows);
  EXPECT_TRUE(matches_golden(folder / "expected.yaml", policies));
  const Proof proof = prove(policies, flows.flows);
  EXPECT_TRUE(proof.holds()) << text_of(proof);
  EXPECT_EQ(proof.allowed, flows.flows.size());
  EXPECT_TRUE(matches_golden(folder / "expected.proof.txt", text_of(proof)));
}
INSTANTIATE_TEST_SUITE_P(Testdata, SuggestGolden,
                         ::testing::ValuesIn(policyc::testing::golden_cases("suggest")),
                         policyc::testing::golden_name);

Party pod(const std::string& name, policy::StringMap labels, const std::string& ns = "shop") {
  Party party;
  party.namespace_ = ns;
  party.pod = name;
  party.labels = std::move(labels);
  return party;
}

TEST(Suggest, TheProofTellsWhatAPolicyDoesNotAllow) {
  const std::set<SeenFlow> flows = {
      {pod("web-0", {{"app", "web"}}), pod("api-0", {{"app", "api"}}), policy::Protocol::Tcp, 80},
      {pod("web-0", {{"app", "web"}}), pod("api-0", {{"app", "api"}}), policy::Protocol::Tcp, 443}};
  std::string policies = write_policies(flows);
  EXPECT_TRUE(prove(policies, flows).holds());
  policies.replace(policies.find("\"443\""), 5, "\"444\"");
  const Proof proof = prove(policies, flows);
  EXPECT_FALSE(proof.holds());
  EXPECT_THAT(proof.denied, Contains("shop/web-0 -> shop/api-0 TCP/443"));
  EXPECT_THAT(prove("kind: [", flows).error, Not(IsEmpty()));
}

TEST(Suggest, WhatALabelLetsInBesidesIsListed) {
  const std::set<SeenFlow> flows = {{pod("web-0", {{"app", "web"}, {"v", "1"}}),
                                     pod("api-0", {{"app", "api"}}), policy::Protocol::Tcp, 80},
                                    {pod("web-1", {{"app", "web"}, {"v", "2"}}),
                                     pod("db-0", {{"app", "db"}}), policy::Protocol::Tcp, 5432}};
  const Proof proof = prove(write_policies(flows), flows);
  EXPECT_TRUE(proof.holds());
  EXPECT_THAT(proof.more, ::testing::UnorderedElementsAre("shop/web-1 -> shop/api-0 TCP/80",
                                                          "shop/web-0 -> shop/db-0 TCP/5432"));
}

TEST(Suggest, NeverSelectsByWhatChangesWithEachRollout) {
  const std::set<SeenFlow> flows = {{pod("a", {{"team", "x"}, {"pod-template-hash", "5d"}}),
                                     pod("b", {{"app", "api"}}), policy::Protocol::Tcp, 80}};
  EXPECT_THAT(write_policies(flows), AllOf(HasSubstr("team: x"), Not(HasSubstr("hash"))));
}

TEST(Suggest, NamesNeedQueriesThroughTheProxy) {
  Party world;
  world.entity = "world";
  world.address = *parse_ip_address("192.0.2.7");
  world.names = {"pay.example.com"};
  std::set<SeenFlow> flows = {{pod("web-0", {{"app", "web"}}), world, policy::Protocol::Tcp, 443}};
  EXPECT_THAT(write_policies(flows), AllOf(HasSubstr("192.0.2.7/32"), Not(HasSubstr("toFQDNs"))));
  flows.insert({pod("web-0", {{"app", "web"}}),
                pod("dns", {{"k8s-app", "kube-dns"}}, "kube-system"), policy::Protocol::Udp, 53});
  EXPECT_THAT(write_policies(flows),
              AllOf(HasSubstr("- matchName: pay.example.com"), HasSubstr("matchPattern: \"*\""),
                    Not(HasSubstr("192.0.2.7"))));
  EXPECT_TRUE(prove(write_policies(flows), flows).holds());
}

// Any set of flows gives policies that allow each of them.
TEST(Suggest, AllowsEveryFlowOfRandomSets) {
  std::mt19937_64 dice(7);
  const std::vector<std::string> apps = {"web", "api", "db", "true", "1e3", "a.b_c"};
  for (int round = 0; round < 150; ++round) {
    std::set<SeenFlow> flows;
    const auto party = [&](bool source) {
      const auto kind = dice() % 6;
      Party result;
      if (kind == 0) {
        result.entity = "world";
        result.address = *parse_ip_address("192.0.2." + std::to_string(dice() % 5));
        // A name stands for one address: an address of two names is known by both.
        if (!source && dice() % 2 == 0) result.names = {"x.example.com"};
      } else if (kind == 1) {
        result.entity = dice() % 2 == 0 ? "remote-node" : "kube-apiserver";
      } else {
        const std::string app = apps[dice() % apps.size()];
        result = pod("pod-" + app, {{"app", app}, {"v", std::to_string(dice() % 2)}},
                     dice() % 2 == 0 ? "shop" : "data");
      }
      return result;
    };
    for (std::size_t i = 0; i < 1 + dice() % 12; ++i) {
      SeenFlow flow{party(true), party(false), policy::Protocol::Tcp,
                    static_cast<std::uint16_t>(1 + dice() % 6)};
      if (dice() % 4 == 0) flow.protocol = policy::Protocol::Udp;
      if (dice() % 6 == 0) flow.protocol = policy::Protocol::Icmp;
      if (flow.source.is_pod() || flow.destination.is_pod()) flows.insert(flow);
    }
    if (flows.empty()) continue;
    const std::string policies = write_policies(flows);
    const Proof proof = prove(policies, flows);
    ASSERT_TRUE(proof.holds()) << "round " << round << "\n" << text_of(proof) << policies;
  }
}

}  // namespace
}  // namespace policyc::suggest::testing
