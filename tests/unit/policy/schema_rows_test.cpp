// What only the API server refuses (spec section 3.2), its NetworkPolicy validation (section 8),
// and metadata.

#include <gtest/gtest.h>

#include "tests/unit/policy/validation_support.h"

namespace policyc::policy::test {
namespace {

using diag::Id;

std::string ingress(const std::string& item) { return rule("  ingress:\n  - " + item); }
std::string egress(const std::string& item) { return rule("  egress:\n  - " + item); }
std::string peer(const std::string& text) {
  return knp("  podSelector: {}\n  ingress:\n  - from: [" + text + "]");
}
std::string port(const std::string& text) {
  return knp("  podSelector: {}\n  ingress:\n  - ports: [" + text + "]");
}
std::string named(const std::string& metadata) {
  return "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: " + metadata +
         "\nspec: {endpointSelector: {}, ingress: [{}]}\n";
}
std::string cidr_group(const std::string& spec) {
  return "apiVersion: cilium.io/v2\nkind: CiliumCIDRGroup\nmetadata: {name: g}\n" + spec + "\n";
}

RefusalCase api(std::string name, std::string yaml, Id id, std::string place,
                std::string refusal_class = "") {
  return {std::move(name),          std::move(yaml),  id,
          std::move(refusal_class), std::move(place), Door::Cluster};
}

const std::vector<RefusalCase>& cilium_rows() {
  static const std::vector<RefusalCase> kRows = {
      api("RuleNeedsSection", cnp("  endpointSelector: {}"), Id::NoneOfFields, "endpointSelector"),
      api("RuleNeedsSubject", cnp("  ingress: [{}]"), Id::NoneOfFields, "ingress"),
      api("RuleHasOneSubject", rule("  nodeSelector: {}\n  ingress: [{}]"), Id::SeveralOfFields,
          "endpointSelector"),
      api("SubjectNullIsAbsent", cnp("  endpointSelector: null\n  ingress: [{}]"), Id::NoneOfFields,
          "endpointSelector"),
      api("EntityWorldIpv4", ingress("fromEntities: [world-ipv4]"), Id::ValueNotAllowed,
          "world-ipv4"),
      api("BareAddress", ingress("fromCIDR: [10.0.0.1]"), Id::NotACidr, "10.0.0.1"),
      api("BareAddressInSet", egress("toCIDRSet: [{cidr: \"::1\"}]"), Id::NotACidr, "\"::1\""),
      api("ExceptSyntax", egress("toCIDRSet: [{cidr: 10.0.0.0/8, except: [x]}]"), Id::NotACidr,
          "x"),
      api("Requires", ingress("fromRequires: [{matchLabels: {a: b}}]"), Id::RemovedFeature,
          "[{matchLabels: {a: b}}]"),
      api("CidrRuleEmpty", egress("toCIDRSet: [{}]"), Id::NoneOfFields, "{}"),
      api("CidrRuleTwo", egress("toCIDRSet: [{cidr: 10.0.0.0/8, cidrGroupRef: g}]"),
          Id::SeveralOfFields, "{cidr: 10.0.0.0/8, cidrGroupRef: g}"),
      api("CidrGroupRefName", egress("toCIDRSet: [{cidrGroupRef: G}]"), Id::PatternMismatch, "G"),
      api("FqdnEmpty", egress("toFQDNs: [{}]"), Id::NoneOfFields, "{}"),
      api("FqdnLeadingDot", egress("toFQDNs: [{matchName: .a.b}]"), Id::PatternMismatch, ".a.b"),
      api("FqdnTwoDots", egress("toFQDNs: [{matchPattern: a..b}]"), Id::PatternMismatch, "a..b"),
      api("FqdnTooLong", egress("toFQDNs: [{matchName: " + std::string(256, 'a') + "}]"),
          Id::WrongLength, std::string(256, 'a')),
      api("RulesEmpty", ingress("toPorts: [{ports: [{port: \"80\"}], rules: {}}]"),
          Id::NoneOfFields, "{}"),
      api("RulesL7WithoutProto",
          ingress("toPorts: [{ports: [{port: \"80\"}], rules: {l7: [{a: b}]}}]"), Id::NoneOfFields,
          "{l7: [{a: b}]}"),
      api("PortEmpty", ingress("toPorts: [{ports: [{port: \"\"}]}]"), Id::PatternMismatch, "\"\""),
      api("PortNumberUnquoted", ingress("toPorts: [{ports: [{port: 80}]}]"), Id::WrongType, "80",
          "decode"),
      api("ProtocolLowerCase", ingress("toPorts: [{ports: [{port: \"80\", protocol: tcp}]}]"),
          Id::ValueNotAllowed, "tcp"),
      api("EndPortRange", ingress("toPorts: [{ports: [{port: \"80\", endPort: 65536}]}]"),
          Id::NumberOutOfRange, "65536"),
      api("IcmpTypeMissing", ingress("icmps: [{fields: [{family: IPv4}]}]"), Id::MissingField,
          "{family: IPv4}"),
      api("IcmpExtendedEchoReply", ingress("icmps: [{fields: [{type: ExtendedEchoReply}]}]"),
          Id::PatternMismatch, "ExtendedEchoReply"),
      api("IcmpFamily", ingress("icmps: [{fields: [{family: IPv5, type: 8}]}]"),
          Id::ValueNotAllowed, "IPv5"),
      api("ServerNamesEmpty", egress("toPorts: [{serverNames: []}]"), Id::TooFewItems, "[]"),
      api("ServerNamesTwice", egress("toPorts: [{serverNames: [a.b, a.b]}]"), Id::DuplicateItem,
          "a.b"),
      api("ServerNamesStar", egress("toPorts: [{serverNames: [\"*\"]}]"), Id::PatternMismatch,
          "\"*\""),
      api("HeaderMatchNameEmpty",
          ingress(
              "toPorts: [{ports: [{port: \"80\", protocol: TCP}], rules: {http: [{headerMatches: "
              "[{name: \"\"}]}]}}]"),
          Id::WrongLength, "\"\""),
      api("KafkaRole",
          ingress("toPorts: [{ports: [{port: \"80\", protocol: TCP}], rules: {kafka: [{role: "
                  "Produce}]}}]"),
          Id::ValueNotAllowed, "Produce"),
      api("ListenerPriority",
          egress("toPorts: [{listener: {name: l, envoyConfig: {name: e}, priority: 0}}]"),
          Id::NumberOutOfRange, "0"),
      api("ListenerConfigMissing", egress("toPorts: [{listener: {name: l}}]"), Id::MissingField,
          "{name: l}"),
      api("ListenerConfigKind",
          egress("toPorts: [{listener: {name: l, envoyConfig: {name: e, kind: Envoy}}}]"),
          Id::ValueNotAllowed, "Envoy"),
      api("AuthenticationMode", ingress("authentication: {mode: maybe}"), Id::ValueNotAllowed,
          "maybe"),
      api("AuthenticationModeMissing", ingress("authentication: {}"), Id::MissingField, "{}"),
      api("LabelValuePattern", ingress("fromEndpoints: [{matchLabels: {a: \"b:c\"}}]"),
          Id::PatternMismatch, "\"b:c\""),
      api("Operator",
          ingress("fromEndpoints: [{matchExpressions: [{key: a, operator: in, values: [b]}]}]"),
          Id::ValueNotAllowed, "in"),
      api("TlsSecret", egress("toPorts: [{terminatingTLS: {certificate: c}}]"), Id::MissingField,
          "{certificate: c}"),
      api("LogTooLong", rule("  ingress: [{}]\n  log: {value: " + std::string(33, 'x') + "}"),
          Id::WrongLength, std::string(33, 'x')),
      api("LogUnprintable", rule("  ingress: [{}]\n  log: {value: \"a\\tb\"}"), Id::PatternMismatch,
          "\"a\\tb\""),
      api("LabelsNeedKey", rule("  ingress: [{}]\n  labels: [{value: a}]"), Id::MissingField,
          "{value: a}"),
      api("LabelsString", rule("  ingress: [{}]\n  labels: [\"k8s:a=b\"]"), Id::WrongType,
          "\"k8s:a=b\"", "decode"),
      api("SectionIsMapping", rule("  ingress: {}"), Id::WrongType, "{}", "decode"),
      api("NullItem", rule("  ingress: [null]"), Id::WrongType, "null", "decode"),
      api("ServiceSelectorMissing", egress("toServices: [{k8sServiceSelector: {namespace: a}}]"),
          Id::MissingField, "{namespace: a}"),
      api("CidrGroupPrefix", cidr_group("spec: {externalCIDRs: [10.0.0.1]}"), Id::NotACidr,
          "10.0.0.1"),
      api("CidrGroupWithoutList", cidr_group("spec: {}"), Id::MissingField, "{}"),
      api("CidrGroupWithoutSpec", cidr_group(""), Id::MissingField, "apiVersion"),
  };
  return kRows;
}

const std::vector<RefusalCase>& kubernetes_rows() {
  static const std::vector<RefusalCase> kRows = {
      api("KeyWithSource", knp("  podSelector: {matchLabels: {\"k8s:a\": b}}"),
          Id::InvalidSelectorKey, "\"k8s:a\""),
      api("KeyTooLong", knp("  podSelector: {matchLabels: {" + std::string(64, 'k') + ": b}}"),
          Id::InvalidSelectorKey, std::string(64, 'k')),
      api("ValueTooLong",
          peer("{namespaceSelector: {matchLabels: {a: " + std::string(64, 'v') + "}}}"),
          Id::InvalidSelectorValue, std::string(64, 'v')),
      api("Operator",
          peer("{podSelector: {matchExpressions: [{key: a, operator: in, values: [b]}]}}"),
          Id::ValueNotAllowed, "in"),
      api("InWithoutValues", peer("{podSelector: {matchExpressions: [{key: a, operator: In}]}}"),
          Id::OperatorValues, "{key: a, operator: In}"),
      api("ExistsWithValues",
          peer("{podSelector: {matchExpressions: [{key: a, operator: Exists, values: [b]}]}}"),
          Id::OperatorValues, "b"),
      api("PeerEmpty", peer("{}"), Id::EmptyPeer, "{}"),
      api("PeerNull", peer("null"), Id::EmptyPeer, "null"),
      api("PeerMixed", peer("{podSelector: {}, ipBlock: {cidr: 10.0.0.0/8}}"), Id::MixedPeer,
          "{cidr: 10.0.0.0/8}"),
      api("BlockBareAddress", peer("{ipBlock: {cidr: 10.0.0.1}}"), Id::NotACidr, "10.0.0.1"),
      api("BlockWithoutCidr", peer("{ipBlock: {except: [10.0.0.0/8]}}"), Id::MissingField,
          "{except: [10.0.0.0/8]}", "cidr-syntax"),
      api("ExceptEqual", peer("{ipBlock: {cidr: 10.0.0.0/8, except: [10.0.0.0/8]}}"),
          Id::ExceptOutsideCidr, "10.0.0.0/8", "except-not-contained"),
      api("ExceptWider", peer("{ipBlock: {cidr: 10.1.0.0/16, except: [10.0.0.0/8]}}"),
          Id::ExceptOutsideCidr, "10.0.0.0/8", "except-not-contained"),
      api("ExceptOtherFamily", peer("{ipBlock: {cidr: \"::/0\", except: [10.0.0.0/8]}}"),
          Id::ExceptOutsideCidr, "10.0.0.0/8", "except-not-contained"),
      api("ExceptSyntax", peer("{ipBlock: {cidr: 10.0.0.0/8, except: [10.1.2.3]}}"), Id::NotACidr,
          "10.1.2.3"),
      api("PortZero", port("{port: 0}"), Id::NumberOutOfRange, "0"),
      api("PortTooLarge", port("{port: 65536}"), Id::NumberOutOfRange, "65536"),
      api("PortBeyond32Bits", port("{port: 4294967376}"), Id::NumberOutOfRange, "4294967376"),
      api("PortQuoted", port("{port: \"80\"}"), Id::InvalidPortName, "\"80\""),
      api("PortNameUpperCase", port("{port: HTTP}"), Id::InvalidPortName, "HTTP"),
      api("PortNameEmpty", port("{port: \"\"}"), Id::InvalidPortName, "\"\""),
      api("ProtocolAny", port("{protocol: ANY}"), Id::ValueNotAllowed, "ANY", "protocol"),
      api("ProtocolEmpty", port("{protocol: \"\"}"), Id::ValueNotAllowed, "\"\"", "protocol"),
      api("EndPortAlone", port("{endPort: 90}"), Id::EndPortNeedsPort, "90"),
      api("EndPortWithName", port("{port: http, endPort: 90}"), Id::EndPortNeedsPort, "90"),
      api("EndPortBelow", port("{port: 90, endPort: 80}"), Id::EndPortOrder, "80"),
      api("EndPortTooLarge", port("{port: 90, endPort: 65536}"), Id::NumberOutOfRange, "65536"),
      api("PolicyTypeLowerCase", knp("  podSelector: {}\n  policyTypes: [ingress]"),
          Id::ValueNotAllowed, "ingress"),
      api("PolicyTypesThree", knp("  podSelector: {}\n  policyTypes: [Ingress, Egress, Ingress]"),
          Id::TooManyItems, "Ingress"),
      api("PortBoolean", port("{port: true}"), Id::WrongType, "true", "decode"),
      api("PolicyTypesString", knp("  podSelector: {}\n  policyTypes: Ingress"), Id::WrongType,
          "Ingress", "decode"),
  };
  return kRows;
}

const std::vector<RefusalCase>& metadata_rows() {
  static const std::vector<RefusalCase> kRows = {
      api("NoName", named("{}"), Id::MissingName, "{}", "missing-name"),
      api("NameCharacters", named("{name: has_underscore}"), Id::InvalidName, "has_underscore"),
      api("NameTooLong", named("{name: " + std::string(254, 'a') + "}"), Id::InvalidName,
          std::string(254, 'a')),
      api("GenerateName", named("{generateName: \"-a\"}"), Id::InvalidName, "\"-a\""),
      api("Namespace", named("{name: a, namespace: B}"), Id::InvalidName, "B"),
      api("LabelKey", named("{name: a, labels: {\"a b\": c}}"), Id::InvalidMetadataKey, "\"a b\""),
      api("LabelValue", named("{name: a, labels: {a: \"b c\"}}"), Id::InvalidMetadataValue,
          "\"b c\""),
      api("AnnotationKey", named("{name: a, annotations: {\"a b\": c}}"), Id::InvalidMetadataKey,
          "\"a b\""),
      api("AnnotationsTooLarge",
          named("{name: a, annotations: {b: " + std::string(262145, 'x') + "}}"),
          Id::InvalidMetadataValue, "annotations"),
      api("LabelNumber", named("{name: a, labels: {a: 1}}"), Id::WrongType, "1", "decode"),
      api("Version", "apiVersion: cilium.io/v1\nkind: CiliumNetworkPolicy\nmetadata: {name: a}\n",
          Id::UnknownApiVersion, "cilium.io/v1", "kind"),
      api("Kind", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n", Id::NotAPolicy,
          "ConfigMap", "kind"),
  };
  return kRows;
}

class ApiServerRow : public ::testing::TestWithParam<RefusalCase> {};
TEST_P(ApiServerRow, IsRefusedByTheApiServer) { expect_refusal(GetParam()); }

INSTANTIATE_TEST_SUITE_P(Spec32, ApiServerRow, ::testing::ValuesIn(cilium_rows()), case_name);
INSTANTIATE_TEST_SUITE_P(Spec8, ApiServerRow, ::testing::ValuesIn(kubernetes_rows()), case_name);
INSTANTIATE_TEST_SUITE_P(Metadata, ApiServerRow, ::testing::ValuesIn(metadata_rows()), case_name);

TEST(ApiServer, GenerateNameStandsForAName) {
  const Verdict verdict = judge(named("{generateName: web-}"));
  EXPECT_TRUE(verdict.acceptance.accepted) << verdict.rendered();
}

TEST(ApiServer, NullsOfCustomResourcesAreDroppedAndKubernetesNullsAreEmpty) {
  EXPECT_TRUE(judge(ingress("authentication: null")).acceptance.accepted);
  EXPECT_TRUE(judge(ingress("toPorts: [{ports: null}]")).acceptance.accepted);
  EXPECT_TRUE(judge(port("null")).acceptance.accepted);
  EXPECT_TRUE(judge(knp("  podSelector: null\n  ingress: [null]")).acceptance.accepted);
}

TEST(ApiServer, WarnsAboutANullLabelBecauseItWidensTheSelector) {
  const Verdict verdict =
      judge(cnp("  endpointSelector: {matchLabels: {app: null}}\n  ingress: [{}]"));
  EXPECT_TRUE(verdict.acceptance.accepted);
  const diag::Diagnostic* warning = verdict.find(Id::NullDropped);
  ASSERT_NE(warning, nullptr);
  EXPECT_EQ(verdict.pointed_at(*warning), "app");
  EXPECT_EQ(warning->severity, diag::Severity::Warning);
}

TEST(ApiServer, WarnsAboutANamespaceOnAClusterWidePolicy) {
  const Verdict verdict = judge(
      "apiVersion: cilium.io/v2\nkind: CiliumClusterwideNetworkPolicy\nmetadata: {name: a, "
      "namespace: b}\n"
      "spec: {endpointSelector: {}, ingress: [{}]}\n");
  EXPECT_TRUE(verdict.acceptance.accepted);
  EXPECT_NE(verdict.find(Id::NamespaceIgnored), nullptr);
}

TEST(ApiServer, LenientPrefixesReachTheAgentWhichRefusesThem) {
  for (const std::string& yaml :
       {ingress("fromCIDR: [10.0.0.01/32]"), peer("{ipBlock: {cidr: 10.0.0.01/32}}")}) {
    const Verdict verdict = judge(yaml);
    EXPECT_TRUE(verdict.acceptance.api_server_accepts);
    EXPECT_FALSE(verdict.acceptance.accepted);
    EXPECT_EQ(verdict.acceptance.rejected_by, diag::RefusedBy::Agent);
    EXPECT_EQ(verdict.acceptance.refusal_class, "cidr-syntax");
  }
}

}  // namespace
}  // namespace policyc::policy::test
