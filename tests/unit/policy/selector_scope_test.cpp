// Keys, scoping and construction of selectors (spec sections 4.2 to 4.4, 8.6).

#include <gtest/gtest.h>

#include "compiler/policy/scope.h"

namespace policyc::policy {
namespace {

LabelSelector written(std::initializer_list<std::pair<std::string, std::string>> labels) {
  LabelSelector selector;
  for (const auto& [key, value] : labels) selector.match_labels.push_back({{key, {}}, {value, {}}});
  return selector;
}

std::string scoped(const LabelSelector& selector, const std::string& policy_namespace,
                   const Options& options = {}) {
  ExtendedSelector extended = extend(selector);
  scope_peer(extended, {policy_namespace, false}, options);
  return to_selector(extended).to_string();
}

TEST(ExtendedKey, PutsTheSourceInFront) {
  EXPECT_EQ(extended_key("foo"), "any.foo");
  EXPECT_EQ(extended_key("k8s:foo"), "k8s.foo");
  EXPECT_EQ(extended_key("any:foo"), "any.foo");
  EXPECT_EQ(extended_key(":foo"), "any.foo");
  EXPECT_EQ(extended_key("cidr:10.0.0.0/8"), "cidr.10.0.0.0/8");
  EXPECT_EQ(extended_key("$host"), "reserved.host");
  EXPECT_EQ(extended_key("reserved.host"), "reserved.host");
  EXPECT_EQ(extended_key("k8s.foo"), "any.k8s.foo");
  EXPECT_EQ(extended_key("foo=bar"), "any.foo");
}

TEST(ScopePeer, AddsNamespaceAndCluster) {
  EXPECT_EQ(scoped({}, "a"),
            "k8s:io.cilium.k8s.policy.cluster=default, k8s:io.kubernetes.pod.namespace=a");
  EXPECT_EQ(scoped({}, ""),
            "k8s:io.cilium.k8s.policy.cluster=default, k8s:io.kubernetes.pod.namespace exists");
}

TEST(ScopePeer, LeavesWhatTheUserSaid) {
  EXPECT_EQ(scoped(written({{"io.kubernetes.pod.namespace", "b"}}), "a"),
            "any:io.kubernetes.pod.namespace=b, k8s:io.cilium.k8s.policy.cluster=default");
  EXPECT_EQ(scoped(written({{"reserved:host", ""}}), "a"), "reserved:host");
  EXPECT_EQ(scoped(written({{"io.cilium.k8s.namespace.labels.t", "x"}}), "a"),
            "any:io.cilium.k8s.namespace.labels.t=x, k8s:io.cilium.k8s.policy.cluster=default");
  EXPECT_EQ(scoped(written({{"io.cilium.k8s.policy.cluster", "c2"}}), "a"),
            "any:io.cilium.k8s.policy.cluster=c2, k8s:io.kubernetes.pod.namespace=a");
  Options no_cluster;
  no_cluster.default_local_cluster = false;
  EXPECT_EQ(scoped({}, "a", no_cluster), "k8s:io.kubernetes.pod.namespace=a");
}

TEST(ScopePeer, ClusterwidePolicyForInitEndpointsIsNotScopedToPods) {
  ExtendedSelector selector;
  scope_peer(selector, {"", true}, Options{});
  EXPECT_EQ(to_selector(selector).to_string(), "k8s:io.cilium.k8s.policy.cluster=default");
}

TEST(ScopeSubject, OverwritesTheNamespace) {
  ExtendedSelector selector = extend(written({{"k8s:io.kubernetes.pod.namespace", "b"}}));
  scope_subject(selector, "a");
  EXPECT_EQ(to_selector(selector).to_string(), "k8s:io.kubernetes.pod.namespace=a");
}

TEST(ToSelector, WithAKeyThatIsTooLongMatchesEverything) {
  bool broken = false;
  const Selector fits =
      to_selector(extend_under(written({{std::string(59, 'k'), "x"}}), "k8s"), &broken);
  EXPECT_FALSE(broken);
  EXPECT_FALSE(fits.matches_everything());
  const Selector too_long =
      to_selector(extend_under(written({{std::string(60, 'k'), "x"}}), "k8s"), &broken);
  EXPECT_TRUE(broken);
  EXPECT_TRUE(too_long.matches_everything());
}

TEST(ToSelector, RefusesUnknownOperatorsAndMissingValues) {
  for (const auto& [op, values] : {std::pair<std::string, std::vector<std::string>>{"Near", {"x"}},
                                   {"In", {}},
                                   {"Exists", {"x"}},
                                   {"In", {"-bad-"}}}) {
    ExtendedSelector selector;
    selector.expressions.push_back({"any.app", op, values});
    bool broken = false;
    EXPECT_TRUE(to_selector(selector, &broken).matches_everything());
    EXPECT_TRUE(broken) << op;
  }
}

TEST(ToSelector, ComparesByPrintedForm) {
  ExtendedSelector label = extend(written({{"app", "x"}}));
  ExtendedSelector expression;
  expression.expressions.push_back({"any.app", "In", {"x"}});
  EXPECT_FALSE(to_selector(label) == to_selector(expression));
  EXPECT_EQ(to_selector(label).serialise(), to_selector(expression).serialise());
}

}  // namespace
}  // namespace policyc::policy
