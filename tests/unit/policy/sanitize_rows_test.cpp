// One refusal for each row of spec section 3.1, judged as the agent does without an API server.

#include <gtest/gtest.h>

#include "tests/unit/policy/validation_support.h"

namespace policyc::policy::test {
namespace {

using diag::Id;

std::string ingress(const std::string& item) { return rule("  ingress:\n  - " + item); }
std::string ingress_deny(const std::string& item) { return rule("  ingressDeny:\n  - " + item); }
std::string egress(const std::string& item) { return rule("  egress:\n  - " + item); }
std::string node_policy(const std::string& section) {
  return "apiVersion: cilium.io/v2\nkind: CiliumClusterwideNetworkPolicy\nmetadata: {name: "
         "p}\nspec:\n  nodeSelector: "
         "{}\n" +
         section + "\n";
}

Options without(bool Options::* flag) {
  Options options;
  options.*flag = false;
  return options;
}

std::string ports(int count) {
  std::string list;
  for (int i = 0; i < count; ++i)
    list += (i == 0 ? "" : ", ") + std::string("{port: \"") + std::to_string(1000 + i) + "\"}";
  return "[" + list + "]";
}

std::string icmp_fields(int count) {
  std::string list;
  for (int i = 0; i < count; ++i)
    list += (i == 0 ? "" : ", ") + std::string("{type: ") + std::to_string(i) + "}";
  return "[" + list + "]";
}

std::string http_on(const std::string& port) {
  return "toPorts: [{ports: [" + port + "], rules: {http: [{method: GET}]}}]";
}

std::string l7(const std::string& rules) {
  return "toPorts: [{ports: [{port: \"80\", protocol: TCP}], rules: " + rules + "}]";
}

const std::string kLongKey(60, 'k');
const std::string kLongNamespaceKey = "io.cilium.k8s.namespace.labels." + std::string(29, 'n');

const std::vector<RefusalCase>& rows() {
  static const std::vector<RefusalCase> kRows = {
      // Rules.
      {"R1_NoSection", cnp("  endpointSelector: {}"), Id::NoRuleSections, "no-rule-sections",
       "endpointSelector"},
      {"R1_EmptySections", rule("  ingress: []\n  egressDeny: []"), Id::NoRuleSections,
       "no-rule-sections", "endpointSelector"},
      {"R2_NoSubject", cnp("  ingress: [{}]"), Id::NoSubject, "no-subject-selector", "ingress"},
      {"R3_TwoSubjects", rule("  nodeSelector: {matchLabels: {a: b}}\n  ingress: [{}]"),
       Id::TwoSubjects, "both-subject-selectors", "endpointSelector"},
      {"R4_SubjectInvalid", cnp("  endpointSelector: {matchLabels: {\"a b\": c}}\n  ingress: [{}]"),
       Id::InvalidLabelKey, "regex", "\"a b\""},
      {"R5_NodeSelectorInNamespace", cnp("  nodeSelector: {matchLabels: {a: b}}\n  ingress: [{}]"),
       Id::NodeSelectorInNamespace, "node-selector-in-cnp", "{matchLabels: {a: b}}"},
      {"Shell1_NoName",
       "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {}\nspec: "
       "{endpointSelector: {}, ingress: "
       "[{}]}\n",
       Id::MissingName, "missing-name", "apiVersion"},
      {"Shell3_EmptyPolicy",
       "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: p}\n",
       Id::EmptyPolicy, "empty-policy", "apiVersion"},
      {"Shell4_OneBadRuleOfTwo",
       "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: p}\nspecs:\n- "
       "{endpointSelector: {}, "
       "ingress: [{}]}\n"
       "- {endpointSelector: {}, ingress: [{fromCIDR: [x]}]}\n",
       Id::InvalidCidr, "cidr-syntax", "x"},
      // Selectors.
      {"S1_KeyTooLongWithSource", ingress("fromEndpoints: [{matchLabels: {" + kLongKey + ": x}}]"),
       Id::InvalidLabelKey, "selector", kLongKey},
      {"S1_NamespaceKeyTooLong",
       ingress("fromEndpoints: [{matchLabels: {" + kLongNamespaceKey + ": x}}]"),
       Id::InvalidLabelKey, "selector", kLongNamespaceKey},
      {"S1_PrefixTwice", ingress("fromEndpoints: [{matchLabels: {a/b/c: x}}]"), Id::InvalidLabelKey,
       "regex", "a/b/c"},
      {"S1_EmptyKey",
       ingress("fromEndpoints: [{matchExpressions: [{key: \"\", operator: Exists}]}]"),
       Id::InvalidLabelKey, "regex", "\"\""},
      {"S2_ValueTooLong",
       ingress("fromEndpoints: [{matchLabels: {a: " + std::string(64, 'v') + "}}]"),
       Id::InvalidLabelValue, "selector", std::string(64, 'v')},
      {"S2_ValueCharacters",
       ingress("fromEndpoints: [{matchExpressions: [{key: a, operator: In, values: [\"b c\"]}]}]"),
       Id::InvalidLabelValue, "regex", "\"b c\""},
      {"S3_Operator",
       egress("toEndpoints: [{matchExpressions: [{key: a, operator: Equals, values: [b]}]}]"),
       Id::InvalidOperator, "selector", "Equals"},
      {"S4_InWithoutValues", egress("toEndpoints: [{matchExpressions: [{key: a, operator: In}]}]"),
       Id::SelectorValues, "selector", "{key: a, operator: In}"},
      {"S4_ExistsWithValues",
       egress("toEndpoints: [{matchExpressions: [{key: a, operator: Exists, values: [b]}]}]"),
       Id::SelectorValues, "selector", "b"},
      {"S_CidrGroupSelector",
       egress("toCIDRSet: [{cidrGroupSelector: {matchLabels: {\"a b\": c}}}]"), Id::InvalidLabelKey,
       "cidrgroup-selector", "\"a b\""},
      // Peers.
      {"L1_TwoPeerKinds", ingress("{fromCIDR: [10.0.0.0/8], fromEntities: [host]}"),
       Id::CombinedPeers, "l3-combination", "fromEntities"},
      {"L1_EgressServicesAndNames", egress("{toServices: [{}], toFQDNs: [{matchName: a.b}]}"),
       Id::CombinedPeers, "l3-combination", "toFQDNs"},
      {"L1_Deny", ingress_deny("{fromEndpoints: [{}], fromNodes: [{}]}"), Id::CombinedPeers,
       "l3-combination", "fromNodes"},
      {"L2_NodesDisabled", ingress("fromNodes: [{matchLabels: {role: gw}}]"), Id::NodesDisabled,
       "nodes-disabled", "fromNodes"},
      {"L3_Entity", ingress("fromEntities: [wolrd]"), Id::UnsupportedEntity, "entity", "wolrd"},
      {"L4_EmptyCidr", ingress("fromCIDR: [\"\"]"), Id::EmptyCidr, "cidr-empty", "\"\""},
      {"L5_LeadingZeroOctet", ingress("fromCIDR: [10.0.0.01/32]"), Id::InvalidCidr, "cidr-syntax",
       "10.0.0.01/32"},
      {"L5_LeadingZeroLength", ingress("fromCIDR: [10.0.0.0/08]"), Id::InvalidCidr, "cidr-syntax",
       "10.0.0.0/08"},
      {"L5_Mask", egress("toCIDR: [10.0.0.0/255.0.0.0]"), Id::InvalidCidr, "cidr-syntax",
       "10.0.0.0/255.0.0.0"},
      {"L6_EmptyCidrRule", egress("toCIDRSet: [{}]"), Id::EmptyCidrRule, "cidrset-empty", "{}"},
      {"L7_TwoOfACidrRule", egress("toCIDRSet: [{cidr: 10.0.0.0/8, cidrGroupRef: g}]"),
       Id::AmbiguousCidrRule, "cidrset-multiple", "{cidr: 10.0.0.0/8, cidrGroupRef: g}"},
      {"L8_BareAddressInSet", egress("toCIDRSet: [{cidr: 10.0.0.1}]"), Id::InvalidCidr,
       "cidr-syntax", "10.0.0.1"},
      {"L9_ExceptSyntax", egress("toCIDRSet: [{cidr: 10.0.0.0/8, except: [10.0.0.1]}]"),
       Id::InvalidCidr, "cidr-syntax", "10.0.0.1"},
      {"L10_ExceptOutside", egress("toCIDRSet: [{cidr: 10.0.0.0/8, except: [11.0.0.0/16]}]"),
       Id::ExceptNotContained, "except-not-contained", "11.0.0.0/16"},
      {"L10_ExceptOtherFamily", egress("toCIDRSet: [{cidr: \"::/0\", except: [10.0.0.0/8]}]"),
       Id::ExceptNotContained, "except-not-contained", "10.0.0.0/8"},
      {"L11_NameAndPattern", egress("toFQDNs: [{matchName: a.b, matchPattern: \"*.b\"}]"),
       Id::FqdnBoth, "fqdn", "\"*.b\""},
      {"L12_NameCharacters", egress("toFQDNs: [{matchName: \"*.b\"}]"), Id::InvalidFqdn, "fqdn",
       "\"*.b\""},
      {"L13_PatternCharacters", egress("toFQDNs: [{matchPattern: \"a[b].c\"}]"), Id::InvalidFqdn,
       "fqdn", "\"a[b].c\""},
      {"L13_PatternTooLong", egress("toFQDNs: [{matchPattern: " + std::string(256, 'a') + "}]"),
       Id::InvalidFqdn, "fqdn", std::string(256, 'a')},
      // Items.
      {"I1_L7OnHostIngress", node_policy("  ingress: [{" + l7("{http: [{}]}") + "}]"), Id::L7OnHost,
       "l7-host", "{http: [{}]}"},
      {"I2_L7ProxyDisabled", ingress(l7("{http: [{}]}")), Id::L7ProxyDisabled, "l7-disabled",
       "{http: [{}]}", Door::StaticFile, without(&Options::l7_proxy)},
      {"I3_DnsOnIngress",
       ingress("toPorts: [{ports: [{port: \"53\"}], rules: {dns: [{matchName: a.b}]}}]"),
       Id::DnsOnIngress, "l7-direction", "{dns: [{matchName: a.b}]}"},
      {"I4_HttpOnHostEgress", node_policy("  egress: [{" + l7("{http: [{}]}") + "}]"), Id::L7OnHost,
       "l7-direction", "{http: [{}]}"},
      {"I5_IcmpDisabled", ingress("icmps: [{fields: [{type: 8}]}]"), Id::IcmpDisabled,
       "icmp-disabled", "icmps", Door::StaticFile, without(&Options::icmp_rules)},
      {"I6_IcmpWithPorts",
       ingress("{icmps: [{fields: [{type: 8}]}], toPorts: [{ports: [{port: \"80\"}]}]}"),
       Id::IcmpWithPorts, "icmp-with-ports", "icmps"},
      // Port rules.
      {"P1_TooManyPorts", ingress("toPorts: [{ports: " + ports(41) + "}]"), Id::TooManyPorts,
       "too-many-ports", "{port: \"1040\"}"},
      {"P1_TooManyDenyPorts", ingress_deny("toPorts: [{ports: " + ports(41) + "}]"),
       Id::TooManyPorts, "too-many-ports", "{port: \"1040\"}"},
      {"P2_ServerNamesWithL7",
       egress("toPorts: [{ports: [{port: \"443\", protocol: TCP}], serverNames: [a.b], rules: "
              "{http: [{}]}}]"),
       Id::ServerNamesWithL7, "sni-with-l7", "{http: [{}]}"},
      {"P3_EmptyServerName",
       egress("toPorts: [{ports: [{port: \"443\", protocol: TCP}], serverNames: [\"\"]}]"),
       Id::EmptyServerName, "sni-empty", "\"\""},
      {"P4_L7WithoutProtocol", ingress(http_on("{port: \"80\"}")), Id::L7NotTcp, "l7-proto",
       "{port: \"80\"}"},
      {"P4_L7OnUdp", ingress(http_on("{port: \"80\", protocol: UDP}")), Id::L7NotTcp, "l7-proto",
       "UDP"},
      {"P5_ListenerOnIngress",
       ingress("toPorts: [{ports: [{port: \"80\", protocol: TCP}], listener: {name: l, "
               "envoyConfig: {name: e}}}]"),
       Id::ListenerOnIngress, "listener-ingress", "{name: l, envoyConfig: {name: e}}"},
      {"P6_ListenerWithL7",
       egress("toPorts: [{ports: [{port: \"80\", protocol: TCP}], listener: {name: l, envoyConfig: "
              "{name: e}}, rules: "
              "{http: "
              "[{}]}}]"),
       Id::ListenerWithL7, "listener-with-l7", "{http: [{}]}"},
      {"P7_L7OnPortZero", ingress(http_on("{port: \"0\", protocol: TCP}")), Id::L7OnPortZero,
       "l7-port-zero", "{http: [{method: GET}]}"},
      {"P8_TwoKinds", ingress(l7("{http: [{}], kafka: []}")), Id::SeveralL7Kinds, "l7-multiple",
       "{http: [{}], kafka: []}"},
      {"P8_KindAndProto", ingress(l7("{http: [{}], l7proto: x}")), Id::SeveralL7Kinds,
       "l7-multiple", "{http: [{}], l7proto: x}"},
      {"P9_DnsWithoutPort", egress("toPorts: [{rules: {dns: [{matchName: a.b}]}}]"),
       Id::DnsWithoutPort, "dns-port", "{dns: [{matchName: a.b}]}"},
      {"P10_L7WithoutProto", ingress(l7("{l7: [{a: b}]}")), Id::L7WithoutProto, "l7-no-proto",
       "{l7: [{a: b}]}"},
      {"P11_EmptyL7Key", ingress(l7("{l7proto: x, l7: [{\"\": b}]}")), Id::EmptyL7Key,
       "l7-empty-key", "\"\""},
      // Ports.
      {"Q1_NoPort", ingress("toPorts: [{ports: [{protocol: TCP}]}]"), Id::PortMissing,
       "port-missing", "{protocol: TCP}"},
      {"Q2_VrrpWithPort", ingress("toPorts: [{ports: [{port: \"80\", protocol: VRRP}]}]"),
       Id::PortNotAllowed, "port-not-empty", "\"80\""},
      {"Q3_TooLarge", ingress("toPorts: [{ports: [{port: \"65536\"}]}]"), Id::MalformedPort,
       "port-syntax", "\"65536\""},
      {"Q3_Negative", ingress("toPorts: [{ports: [{port: \"-1\"}]}]"), Id::MalformedPort,
       "port-syntax", "\"-1\""},
      {"Q3_WithProtocol", ingress("toPorts: [{ports: [{port: 80/tcp}]}]"), Id::MalformedPort,
       "port-syntax", "80/tcp"},
      {"Q3_TwoHyphens", ingress("toPorts: [{ports: [{port: http--x}]}]"), Id::MalformedPort,
       "port-syntax", "http--x"},
      {"Q3_LongName", ingress("toPorts: [{ports: [{port: abcdefghijklmnop}]}]"), Id::MalformedPort,
       "port-syntax", "abcdefghijklmnop"},
      {"Q4_DnsRange",
       egress(
           "toPorts: [{ports: [{port: \"53\", endPort: 55}], rules: {dns: [{matchName: a.b}]}}]"),
       Id::DnsPortRange, "dns-range", "55"},
      {"Q5_Icmp", ingress("toPorts: [{ports: [{port: \"0\", protocol: ICMP}]}]"),
       Id::InvalidProtocol, "protocol", "ICMP"},
      // Layer 7 and ICMP.
      {"H1_Path", ingress(l7("{http: [{path: \"/(\"}]}")), Id::InvalidRegex, "regex", "\"/(\""},
      {"H1_Method", ingress(l7("{http: [{method: \"GET(?!x)\"}]}")), Id::InvalidRegex, "regex",
       "\"GET(?!x)\""},
      {"H2_HeaderName", ingress(l7("{http: [{headerMatches: [{value: x}]}]}")),
       Id::InvalidHeaderMatch, "other", "{value: x}"},
      {"H2_Mismatch", ingress(l7("{http: [{headerMatches: [{name: X, mismatch: FIX}]}]}")),
       Id::InvalidHeaderMatch, "other", "FIX"},
      {"H2_Secret", ingress(l7("{http: [{headerMatches: [{name: X, secret: {namespace: a}}]}]}")),
       Id::InvalidHeaderMatch, "other", "{namespace: a}"},
      {"H3_RoleAndKey", ingress(l7("{kafka: [{role: produce, apiKey: fetch}]}")), Id::InvalidKafka,
       "kafka", "fetch"},
      {"H3_Role", ingress(l7("{kafka: [{role: write}]}")), Id::InvalidKafka, "kafka", "write"},
      {"H3_Key", ingress(l7("{kafka: [{apiKey: \"0\"}]}")), Id::InvalidKafka, "kafka", "\"0\""},
      {"H3_Version", ingress(l7("{kafka: [{apiVersion: \"32768\"}]}")), Id::InvalidKafka, "kafka",
       "\"32768\""},
      {"H3_Topic", ingress(l7("{kafka: [{topic: \"a b\"}]}")), Id::InvalidKafka, "kafka",
       "\"a b\""},
      {"H4_DnsName",
       egress("toPorts: [{ports: [{port: \"53\"}], rules: {dns: [{matchName: \"a b\"}]}}]"),
       Id::InvalidFqdn, "fqdn", "\"a b\""},
      {"M1_TooManyFields", ingress("icmps: [{fields: " + icmp_fields(41) + "}]"),
       Id::TooManyIcmpFields, "too-many-icmp-fields", "{type: 40}"},
      {"M2_Family", ingress("icmps: [{fields: [{family: ipv4, type: 8}]}]"), Id::InvalidIcmpFamily,
       "icmp-family", "ipv4"},
      {"Decode_IcmpName", ingress("icmps: [{fields: [{type: PacketTooBig}]}]"), Id::InvalidIcmpType,
       "icmp-type", "PacketTooBig"},
      {"Decode_PortNumber", ingress("toPorts: [{ports: [{port: 80}]}]"), Id::WrongType, "decode",
       "80"},
      {"Decode_EntityMapping", ingress("fromEntities: [{name: world}]"), Id::WrongType, "decode",
       "{name: world}"},
  };
  return kRows;
}

class SanitizeRow : public ::testing::TestWithParam<RefusalCase> {};
TEST_P(SanitizeRow, IsRefusedByTheAgent) { expect_refusal(GetParam()); }
INSTANTIATE_TEST_SUITE_P(Spec31, SanitizeRow, ::testing::ValuesIn(rows()), case_name);

}  // namespace
}  // namespace policyc::policy::test
