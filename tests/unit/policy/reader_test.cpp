#include <gtest/gtest.h>

#include "tests/unit/policy/validation_support.h"

namespace policyc::policy::test {
namespace {

using diag::Id;

const diag::Diagnostic* find(const ReadRun& run, Id id) {
  for (const diag::Diagnostic& diagnostic : run.diagnostics.all()) {
    if (diagnostic.id == id) return &diagnostic;
  }
  return nullptr;
}

TEST(Reader, KeepsTheDifferenceBetweenAbsentNullAndEmpty) {
  const ReadRun run = read(
      rule("  ingress:\n  - {fromEndpoints: [], fromCIDR: null, toPorts: [{}]}\n  egress: []"));
  ASSERT_EQ(run.result.policies.cilium.size(), 1U);
  const Rule& rule = *run.result.policies.cilium[0].spec;
  ASSERT_TRUE(rule.ingress.has_value());
  EXPECT_TRUE(rule.egress.has_value() && rule.egress->empty());
  EXPECT_FALSE(rule.ingress_deny.has_value());
  const RuleItem& item = rule.ingress->front();
  EXPECT_TRUE(item.endpoints.has_value() && item.endpoints->empty());
  EXPECT_FALSE(item.cidrs.has_value());
  EXPECT_FALSE(item.entities.has_value());
  ASSERT_TRUE(item.ports.has_value());
  EXPECT_FALSE(item.ports->front().ports.has_value());
}

std::string annotated(const std::string& value) {
  return "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\n"
         "metadata: {name: p, annotations: {policyc.io/audit: " +
         value + "}}\nspec: {endpointSelector: {}, ingress: [{}]}\n";
}

TEST(Reader, AnAnnotationPutsAPolicyInAuditMode) {
  EXPECT_FALSE(read(rule("  ingress: [{}]")).result.policies.cilium.at(0).audited);
  for (const auto& [value, audited] :
       {std::pair{"\"true\"", true}, std::pair{"\"false\"", false}}) {
    const ReadRun run = read(annotated(value));
    ASSERT_EQ(run.result.policies.cilium.size(), 1U) << value;
    EXPECT_EQ(run.result.policies.cilium[0].audited, audited) << value;
  }
  const ReadRun kubernetes = read(
      "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n"
      "metadata: {name: p, annotations: {policyc.io/audit: \"true\"}}\nspec: {podSelector: {}}\n");
  ASSERT_EQ(kubernetes.result.policies.kubernetes.size(), 1U);
  EXPECT_TRUE(kubernetes.result.policies.kubernetes[0].audited);
}

TEST(Reader, RefusesAnAuditModeThatItDoesNotKnow) {
  for (const char* value : {"\"\"", "\"yes\"", "\"True\"", "\"1\""}) {
    const ReadRun run = read(annotated(value));
    EXPECT_NE(find(run, Id::InvalidAudit), nullptr) << value;
    EXPECT_EQ(run.result.rejected_policies, 1U) << value;
    EXPECT_TRUE(run.result.policies.cilium.empty()) << value;
  }
}

TEST(Reader, ReadsEveryPartOfARule) {
  const ReadRun run = read(rule(R"(  ingress:
  - fromEndpoints: [{matchLabels: {app: a}, matchExpressions: [{key: tier, operator: In, values: [x, z]}]}]
    authentication: {mode: required}
    toPorts:
    - ports: [{port: "80", endPort: 90, protocol: TCP}]
      terminatingTLS: {secret: {name: s, namespace: ns}, certificate: c}
      rules:
        http: [{path: /a, method: GET, host: h, headers: ["X: 1"], headerMatches: [{name: X-H, mismatch: LOG, secret: {name: t}}]}]
  egress:
  - toCIDRSet: [{cidr: 10.0.0.0/8, except: [10.1.0.0/16]}]
  - toServices: [{k8sService: {serviceName: s, namespace: ns}}, {k8sServiceSelector: {selector: {matchLabels: {a: b}}, namespace: m}}]
  - toFQDNs: [{matchPattern: "*.x"}]
    toPorts: [{ports: [{port: dns}], rules: {dns: [{matchName: a.b}]}}]
  - icmps: [{fields: [{type: EchoRequest}, {type: 3, family: IPv6}]}]
  - toPorts: [{ports: [{port: "1"}], listener: {name: l, priority: 7, envoyConfig: {kind: CiliumEnvoyConfig, name: e}}}]
  egressDeny:
  - toEntities: [world]
  enableDefaultDeny: {egress: false}
  labels: [{key: k, value: v, source: s}]
  description: text
  log: {value: tag})"));
  ASSERT_FALSE(run.diagnostics.has_errors()) << diag::render_text(run.sources, run.diagnostics);
  const Rule& rule = *run.result.policies.cilium[0].spec;
  const RuleItem& in = rule.ingress->at(0);
  EXPECT_EQ(in.endpoints->at(0).match_labels.at(0).key.value, "app");
  EXPECT_EQ(in.endpoints->at(0).match_expressions.at(0).values.at(1).value, "z");
  EXPECT_EQ(in.authentication->mode.value, "required");
  const PortRule& port_rule = in.ports->at(0);
  EXPECT_EQ(port_rule.ports->at(0).end_port->value, 90);
  EXPECT_EQ(port_rule.terminating_tls->secret_namespace.value, "ns");
  EXPECT_EQ(port_rule.terminating_tls->certificate.value, "c");
  const HttpRule& http = port_rule.rules->http->at(0);
  EXPECT_EQ(http.path.value, "/a");
  EXPECT_EQ(http.headers.at(0).value, "X: 1");
  EXPECT_EQ(http.header_matches.at(0).secret_name.value, "t");
  EXPECT_EQ(rule.egress->at(0).cidr_set->at(0).except.at(0).value, "10.1.0.0/16");
  const auto& services = *rule.egress->at(1).services;
  EXPECT_EQ(services.at(0).service->name.value, "s");
  EXPECT_EQ(services.at(1).selector->match_labels.at(0).value.value, "b");
  EXPECT_EQ(services.at(1).selector_namespace.value, "m");
  EXPECT_EQ(rule.egress->at(2).fqdns->at(0).match_pattern.value, "*.x");
  EXPECT_EQ(rule.egress->at(2).ports->at(0).rules->dns->at(0).match_name.value, "a.b");
  const auto& fields = *rule.egress->at(3).icmps->at(0).fields;
  EXPECT_FALSE(fields.at(0).type_is_integer);
  EXPECT_TRUE(fields.at(1).type_is_integer);
  EXPECT_EQ(fields.at(1).type.value, "3");
  EXPECT_EQ(rule.egress->at(4).ports->at(0).listener->priority->value, 7);
  EXPECT_EQ(rule.egress->at(4).ports->at(0).listener->envoy_config_kind.value, "CiliumEnvoyConfig");
  EXPECT_TRUE(rule.egress_deny->at(0).deny);
  EXPECT_EQ(rule.egress_deny->at(0).direction, Direction::Egress);
  EXPECT_FALSE(rule.default_deny_ingress.has_value());
  EXPECT_FALSE(rule.default_deny_egress->value);
  EXPECT_EQ(rule.labels.at(0).source.value, "s");
  EXPECT_EQ(rule.log.value, "tag");
}

TEST(Reader, PlacesEveryScalarAndKey) {
  const ReadRun run = read(rule("  ingress:\n  - fromCIDR:\n    - 10.0.0.0/8"));
  const RuleItem& item = run.result.policies.cilium.at(0).spec->ingress->at(0);
  EXPECT_EQ(run.sources.file_line_column(item.cidrs->at(0).node), "input.yaml:8:7");
  EXPECT_EQ(run.sources.file_line_column(item.cidrs_key), "input.yaml:7:5");
}

TEST(Reader, UnknownFieldIsAnErrorWithASuggestion) {
  const ReadRun run = read(rule("  ingress:\n  - fromEndpoint: [{}]"));
  EXPECT_TRUE(run.result.policies.cilium.empty());
  EXPECT_EQ(run.result.rejected_policies, 1U);
  const diag::Diagnostic* error = find(run, Id::UnknownField);
  ASSERT_NE(error, nullptr);
  EXPECT_EQ(error->severity, diag::Severity::Error);
  EXPECT_EQ(error->help, "did you mean `fromEndpoints`?");
}

TEST(Reader, UnknownFieldIsAWarningWhenTheClientDoesNotAskForMore) {
  ReadOptions options;
  options.unknown_fields_are_errors = false;
  const ReadRun run = read(rule("  ingress:\n  - zzz: 1"), options);
  EXPECT_EQ(run.result.policies.cilium.size(), 1U);
  const diag::Diagnostic* warning = find(run, Id::UnknownField);
  ASSERT_NE(warning, nullptr);
  EXPECT_EQ(warning->severity, diag::Severity::Warning);
  EXPECT_NE(warning->help.find("`fromEndpoints`"), std::string::npos);
}

TEST(Reader, ReportsEveryMistakeOfAPolicyAndGoesOnWithTheNext) {
  const ReadRun run = read(
      rule("  ingress:\n  - {fromCIDR: [x], toPorts: [{ports: [{port: 80}, {port: http--x}]}]}\n  "
           "- {fromEntities: [a]}") +
      "---\n" + rule("  ingress: [{}]"));
  EXPECT_NE(find(run, Id::NotACidr), nullptr);
  EXPECT_NE(find(run, Id::WrongType), nullptr);
  EXPECT_NE(find(run, Id::MalformedPort),
            nullptr);  // the agent's checks run although a type is wrong
  EXPECT_NE(find(run, Id::ValueNotAllowed), nullptr);
  EXPECT_EQ(run.diagnostics.error_count(), 4U) << diag::render_text(run.sources, run.diagnostics);
  EXPECT_EQ(run.result.rejected_policies, 1U);
  EXPECT_EQ(run.result.policies.cilium.size(), 1U);
}

TEST(Reader, DoesNotSayThatSomethingIsMissingWhenItIsUnreadable) {
  const ReadRun run = read(cnp("  endpointSelector: web\n  ingress: {}"));
  ASSERT_EQ(run.diagnostics.error_count(), 2U) << diag::render_text(run.sources, run.diagnostics);
  EXPECT_EQ(run.diagnostics.all()[0].id, Id::WrongType);
  EXPECT_EQ(run.diagnostics.all()[1].id, Id::WrongType);
}

TEST(Reader, LaterDocumentReplacesEarlierOneOfTheSameKindNamespaceAndName) {
  const std::string other_namespace =
      "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: p, namespace: b}\n"
      "spec: {endpointSelector: {}, ingress: [{}]}\n";
  const ReadRun run = read(rule("  ingress: [{}]") + "---\n" + other_namespace + "---\n" +
                           rule("  egress: [{}]") + "---\n" + knp("  podSelector: {}") + "---\n" +
                           knp("  podSelector: {matchLabels: {a: b}}"));
  ASSERT_EQ(run.result.policies.cilium.size(), 2U);
  EXPECT_TRUE(run.result.policies.cilium[0].spec->egress.has_value());
  EXPECT_FALSE(run.result.policies.cilium[0].spec->ingress.has_value());
  ASSERT_EQ(run.result.policies.kubernetes.size(), 1U);
  EXPECT_EQ(run.result.policies.kubernetes[0].pod_selector.match_labels.size(), 1U);
}

TEST(Reader, ClusterWidePolicyHasNoNamespace) {
  const ReadRun run = read(
      "apiVersion: cilium.io/v2\nkind: CiliumClusterwideNetworkPolicy\nmetadata: {name: a, "
      "namespace: b}\n"
      "specs: [{nodeSelector: {}, ingress: [{}]}]\n");
  ASSERT_EQ(run.result.policies.cilium.size(), 1U);
  EXPECT_EQ(run.result.policies.cilium[0].kind, PolicyKind::CiliumClusterwideNetworkPolicy);
  EXPECT_EQ(run.result.policies.cilium[0].namespace_.value, "");
}

TEST(Reader, PolicyWithoutNamespaceIsInDefaultUnlessItIsAFile) {
  const std::string text =
      "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: a}\n"
      "spec: {endpointSelector: {}, ingress: [{}]}\n";
  EXPECT_EQ(read(text).result.policies.cilium.at(0).namespace_.value, "default");
  ReadOptions file;
  file.check_schema = false;
  EXPECT_EQ(read(text, file).result.policies.cilium.at(0).namespace_.value, "");
}

TEST(Reader, NetworkPolicyGetsTheDefaultsOfTheApiServer) {
  const ReadRun run = read(
      knp("  podSelector: {}\n  egress:\n  - ports: [{port: 80}, {port: dns, protocol: UDP}]"));
  ASSERT_EQ(run.result.policies.kubernetes.size(), 1U);
  const KubernetesPolicy& policy = run.result.policies.kubernetes[0];
  ASSERT_EQ(policy.policy_types->size(), 2U);
  EXPECT_EQ(policy.policy_types->at(1).value, "Egress");
  EXPECT_EQ(policy.egress.at(0).ports.at(0).protocol.value, "TCP");
  EXPECT_TRUE(policy.egress.at(0).ports.at(0).port_is_integer);
  EXPECT_EQ(policy.egress.at(0).ports.at(1).protocol.value, "UDP");
}

TEST(Reader, NullLabelIsDroppedByTheApiServerAndEmptyInAFile) {
  const std::string text = cnp("  endpointSelector: {matchLabels: {a: null}}\n  ingress: [{}]");
  EXPECT_TRUE(
      read(text).result.policies.cilium.at(0).spec->endpoint_selector->match_labels.empty());
  ReadOptions file;
  file.check_schema = false;
  EXPECT_EQ(
      read(text, file).result.policies.cilium.at(0).spec->endpoint_selector->match_labels.size(),
      1U);
}

TEST(Reader, ReadsCidrGroups) {
  const ReadRun run = read(
      "apiVersion: cilium.io/v2\nkind: CiliumCIDRGroup\nmetadata: {name: g, labels: {env: prod}}\n"
      "spec: {externalCIDRs: [10.0.0.0/8]}\n");
  ASSERT_EQ(run.result.policies.cidr_groups.size(), 1U);
  EXPECT_EQ(run.result.policies.cidr_groups[0].labels.at(0).value.value, "prod");
  EXPECT_EQ(run.result.policies.cidr_groups[0].external_cidrs.at(0).value, "10.0.0.0/8");
}

TEST(Reader, CountsKindsThatItDoesNotKnow) {
  const ReadRun run = read("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n");
  EXPECT_EQ(run.result.skipped_documents, 1U);
  EXPECT_FALSE(run.diagnostics.has_errors());
}

TEST(Reader, RetiredApiVersionIsAnError) {
  const ReadRun run = read(
      "apiVersion: extensions/v1beta1\nkind: NetworkPolicy\nmetadata: {name: a}\nspec: "
      "{podSelector: {}}\n");
  EXPECT_EQ(run.result.rejected_policies, 1U);
  const diag::Diagnostic* error = find(run, Id::UnknownApiVersion);
  ASSERT_NE(error, nullptr);
  EXPECT_EQ(error->help, "write `apiVersion: networking.k8s.io/v1`");
}

TEST(Reader, StopsQuietlyWhenThereAreTooManyErrors) {
  ReadRun run{{}, diag::Engine(3), {}};
  const std::string text =
      rule("  ingress:\n  - fromCIDR: [a, b, c, d, e, f]") + "---\n" + rule("  ingress: [{}]");
  const auto file = run.sources.add_file("input.yaml", text);
  const auto documents = manifest::read_documents(run.sources, file, run.diagnostics);
  run.result = read_documents(documents, {}, run.diagnostics);
  EXPECT_TRUE(run.diagnostics.exhausted());
  EXPECT_TRUE(run.result.policies.cilium.empty());
  EXPECT_EQ(run.result.rejected_policies, 2U);
}

}  // namespace
}  // namespace policyc::policy::test
