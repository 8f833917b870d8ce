// What is accepted although one might expect a refusal (spec section 3.3), and the REJECT rows of
// section 10.

#include <gtest/gtest.h>

#include "tests/unit/policy/validation_support.h"

namespace policyc::policy::test {
namespace {

std::string ingress(const std::string& item) { return rule("  ingress:\n  - " + item); }
std::string egress(const std::string& item) { return rule("  egress:\n  - " + item); }
std::string ports(const std::string& list) { return ingress("toPorts: [{ports: [" + list + "]}]"); }
std::string l7(const std::string& rules,
               const std::string& port = "{port: \"80\", protocol: TCP}") {
  return "toPorts: [{ports: [" + port + "], rules: " + rules + "}]";
}

Options with(bool Options::* flag) {
  Options options;
  options.*flag = true;
  return options;
}

struct AcceptCase {
  std::string name;
  std::string yaml;
  Door door = Door::Cluster;
  Options options = {};
};
void PrintTo(const AcceptCase& accept, std::ostream* out) { *out << accept.name; }

const std::vector<AcceptCase>& accepted() {
  static const std::vector<AcceptCase> kCases = {
      {"S33_1_EndPortBelowPort", ports("{port: \"90\", endPort: 80}")},
      {"S33_2_EndPortWithName", ports("{port: http, endPort: 90}")},
      {"S33_3_RangeFromZero", ports("{port: \"0\", endPort: 1023, protocol: TCP}")},
      {"S33_4_ExceptWiderThanCidr",
       egress("toCIDRSet: [{cidr: 10.1.0.0/16, except: [10.1.0.0/8]}]")},
      {"S33_5_ExceptWithGroup", egress("toCIDRSet: [{cidrGroupRef: g, except: [10.0.0.0/8]}]")},
      {"S33_6_DuplicateItems", rule("  ingress: [{fromEndpoints: [{}]}, {fromEndpoints: [{}]}]")},
      {"S33_7_RulesWithoutPorts", ingress("toPorts: [{rules: {http: [{}]}}]")},
      {"S33_8_TlsOnUdp",
       egress("toPorts: [{ports: [{port: \"443\", protocol: UDP}], serverNames: [a.b]}]")},
      {"S33_9_TwoParsersInTwoRules",
       rule("  ingress: [{" + l7("{http: [{}]}") + "}, {" + l7("{kafka: [{}]}") + "}]")},
      {"S33_10_IcmpNegative", ingress("icmps: [{fields: [{type: -1}]}]")},
      {"S33_10_IcmpLarge", ingress("icmps: [{fields: [{type: 70000}]}]")},
      {"S33_11_OctalPort", ports("{port: \"010\"}")},
      {"S33_12_UnknownAuthMode", ingress("authentication: {mode: maybe}"), Door::StaticFile},
      {"S31_L5_HostBits", ingress("fromCIDR: [10.0.0.1/8]")},
      {"S31_L5_BareAddress", ingress("fromCIDR: [10.0.0.1, \"fe80::1%eth0\"]"), Door::StaticFile},
      {"S31_L13_EmptyFqdn", egress("toFQDNs: [{}]"), Door::StaticFile},
      {"S31_P8_EmptyListsOfTwoKinds", ingress(l7("{http: [], kafka: []}")), Door::StaticFile},
      {"S31_P9_AnyDnsPort", egress(l7("{dns: [{matchName: a.b}]}", "{port: \"5353\"}"))},
      {"S31_Q1_ExtendedProtocols", ports("{protocol: VRRP}"), Door::Cluster,
       with(&Options::extended_ip_protocols)},
      {"S31_Q2_VrrpPortZero", ports("{port: \"0\", protocol: VRRP}")},
      {"S31_Q2_VrrpLowerCase", ports("{port: \"80\", protocol: vrrp}"), Door::StaticFile},
      {"S31_Q3_Underscore", ports("{port: \"1_000\"}")},
      {"S31_Q3_HexadecimalIsAName", ports("{port: \"0x10\"}")},
      {"S31_H1_HostIsNotChecked", ingress(l7("{http: [{host: \"(\"}]}"))},
      {"S31_H1_GoNamedGroup", ingress(l7("{http: [{path: \"/(?<name>a)\"}]}"))},
      {"S31_H3_KeyAnyCase", ingress(l7("{kafka: [{apiKey: PRODUCE}]}"))},
      {"S31_H4_NameAndPattern",
       egress(l7("{dns: [{matchName: a.b, matchPattern: \"*\"}]}", "{port: \"53\"}")),
       Door::StaticFile},
      {"S31_L2_NodesEnabled", ingress("fromNodes: [{matchLabels: {role: gw}}]"), Door::Cluster,
       with(&Options::node_selector_labels)},
      {"S31_S1_59Characters",
       ingress("fromEndpoints: [{matchLabels: {" + std::string(59, 'k') + ": x}}]")},
      {"S32_EmptyHttp", ingress(l7("{http: []}"))},
      {"S32_WorldIpv4InAFile", ingress("fromEntities: [world-ipv4]"), Door::StaticFile},
      {"S32_LabelTextInAFile", rule("  ingress: [{}]\n  labels: [\"k8s:a=b\"]"), Door::StaticFile},
      {"S32_EmptyRequires", ingress("{fromRequires: [], fromEndpoints: [{}]}")},
      {"S32_UnknownFieldIsPruned", ingress("{fromEndpoint: [{}]}")},
      {"S1_SpecsEmpty",
       "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: p}\nspecs: []\n"},
      {"S45_SubjectNullInAFile", cnp("  endpointSelector: null\n  ingress: [{}]"),
       Door::StaticFile},
      {"Knp_NoSpec",
       "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: p}\n"},
      {"Knp_TypesTwice", knp("  podSelector: {}\n  policyTypes: [Ingress, Ingress]")},
      {"CidrGroup_Alpha",
       "apiVersion: cilium.io/v2alpha1\nkind: CiliumCIDRGroup\nmetadata: {name: g}\nspec: "
       "{externalCIDRs: []}\n"},
  };
  return kCases;
}

class Accepted : public ::testing::TestWithParam<AcceptCase> {};
TEST_P(Accepted, ByEverybody) {
  const AcceptCase& accept = GetParam();
  const Verdict verdict = judge(accept.yaml, accept.door, accept.options);
  EXPECT_TRUE(verdict.acceptance.accepted) << verdict.rendered();
  EXPECT_EQ(verdict.first_error(), nullptr) << verdict.rendered();
}
INSTANTIATE_TEST_SUITE_P(Spec33, Accepted, ::testing::ValuesIn(accepted()), case_name);

enum class Party { ApiServer, Agent };
struct RejectRow {
  std::string name;
  std::string yaml;
  Party party = Party::Agent;
};
void PrintTo(const RejectRow& row, std::ostream* out) { *out << row.name; }

std::string forty_one_ports() {
  std::string list;
  for (int i = 0; i < 41; ++i) list += "{port: \"" + std::to_string(i + 1) + "\"}, ";
  return ports(list);
}

const std::vector<RejectRow>& rejected() {
  const std::string fqdn = "toFQDNs: [{matchName: x.io}]";
  static const std::vector<RejectRow> kRows = {
      {"Row6", rule("  ingress: []")},
      {"Row55", ingress("fromEndpoints: [{matchLabels: {" + std::string(60, 'k') + ": x}}]")},
      {"Row56", ingress("fromEndpoints: [{matchLabels: {io.cilium.k8s.namespace.labels." +
                        std::string(30, 'n') + ": x}}]")},
      {"Row60", ingress("fromNodes: [{matchLabels: {role: gw}}]")},
      {"Row71", ingress("fromEntities: [world-ipv4]"), Party::ApiServer},
      {"Row77", egress("toCIDRSet: [{cidr: 10.0.0.0/8, except: [11.0.0.0/16]}]")},
      {"Row81", egress("toCIDR: [10.0.0.7]"), Party::ApiServer},
      {"Row89", ingress("{fromCIDR: [192.0.2.0/24], fromEntities: [host]}")},
      {"Row110_TooLarge", ports("{port: \"65536\"}")},
      {"Row110_Negative", ports("{port: \"-1\"}"), Party::ApiServer},
      {"Row110_Empty", ports("{port: \"\"}"), Party::ApiServer},
      {"Row110_FortyOne", forty_one_ports(), Party::ApiServer},
      {"Row111", ports("{port: \"0\", protocol: ICMP}"), Party::ApiServer},
      {"Row112", ports("{port: \"80\", protocol: tcp}"), Party::ApiServer},
      {"Row117", ingress("{icmps: [{fields: [{type: 8}]}], toPorts: [{ports: [{port: \"80\"}]}]}")},
      {"Row126", ports("{protocol: VRRP}")},
      {"Row127", ports("{port: \"80\", protocol: VRRP}")},
      {"Row146", ingress(l7("{http: [{}]}", "{port: \"80\"}"))},
      {"Row147", ingress(l7("{http: [{}]}", "{port: \"0\", protocol: TCP}"))},
      {"Row153", egress("toPorts: [{ports: [{port: \"443\", protocol: TCP}], serverNames: [a.com], "
                        "rules: {http: [{}]}}]")},
      {"Row156",
       ingress(
           "toPorts: [{ports: [{port: \"80\"}], listener: {name: l, envoyConfig: {name: e}}}]")},
      {"Row157", ingress(l7("{http: [{path: \"(\"}]}"))},
      {"Row168", ingress(l7("{dns: [{matchName: a.b}]}", "{port: \"53\"}"))},
      {"Row169", egress(l7("{dns: [{matchName: a.b}]}", "{port: \"53\", endPort: 60}"))},
      {"Row178", egress("toFQDNs: [{matchName: x.io, matchPattern: \"*\"}]"), Party::ApiServer},
      {"Row179", egress("{" + fqdn + ", toCIDRSet: [{cidr: 10.0.0.0/8}]}")},
      {"Row201",
       "apiVersion: cilium.io/v2\nkind: CiliumClusterwideNetworkPolicy\nmetadata: {name: "
       "p}\nspec:\n  nodeSelector: "
       "{}\n"
       "  ingress: [{" +
           l7("{http: [{}]}") + "}]\n"},
      {"Row202", cnp("  nodeSelector: {}\n  ingress: [{}]")},
      {"Row204",
       "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: p}\nspecs:\n"
       "- {endpointSelector: {}, ingress: [{}]}\n- {endpointSelector: {}, ingress: []}\n"},
  };
  return kRows;
}

class Section10 : public ::testing::TestWithParam<RejectRow> {};
TEST_P(Section10, IsRejected) {
  const Verdict verdict = judge(GetParam().yaml);
  EXPECT_FALSE(verdict.acceptance.accepted);
  EXPECT_EQ(verdict.acceptance.api_server_accepts, GetParam().party == Party::Agent)
      << verdict.rendered();
  EXPECT_NE(verdict.first_error(), nullptr);
}
INSTANTIATE_TEST_SUITE_P(Rejected, Section10, ::testing::ValuesIn(rejected()), case_name);

}  // namespace
}  // namespace policyc::policy::test
