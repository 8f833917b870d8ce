#include "compiler/policy/labels.h"

#include <gtest/gtest.h>

namespace policyc::policy {
namespace {

LabelSet pod(const StringMap& labels, const StringMap& namespace_labels = {}) {
  return pod_identity_labels(labels, namespace_labels, "a", "sa", "c1");
}

TEST(LabelSet, KeepsTheFirstLabelOfAKeyAndSortsByKey) {
  LabelSet labels;
  EXPECT_TRUE(labels.add({"k8s", "b", "1"}));
  EXPECT_TRUE(labels.add({"reserved", "a", ""}));
  EXPECT_FALSE(labels.add({"any", "b", "2"}));
  EXPECT_EQ(labels.to_string(), "reserved:a,k8s:b=1");
  labels.set({"k8s", "b", "3"});
  EXPECT_EQ(labels.find_key("b")->value, "3");
  EXPECT_TRUE(labels.has("k8s", "b"));
  EXPECT_FALSE(labels.has("any", "b"));
  labels.remove_source("k8s");
  labels.remove("reserved", "a");
  EXPECT_TRUE(labels.empty());
}

TEST(PodIdentityLabels, HoldsThePodsLabelsAndTheDerivedOnes) {
  EXPECT_EQ(
      pod({{"app", "web"}}, {{"team", "x"}}).to_string(),
      "k8s:app=web,k8s:io.cilium.k8s.namespace.labels.team=x,k8s:io.cilium.k8s.policy.cluster=c1,"
      "k8s:io.cilium.k8s.policy.serviceaccount=sa,k8s:io.kubernetes.pod.namespace=a");
  EXPECT_FALSE(pod_identity_labels({}, {}, "a", "", "c1").has_key(kServiceAccountKey));
}

TEST(PodIdentityLabels, NobodyForgesDerivedLabels) {
  const LabelSet labels =
      pod({{"io.cilium.k8s.policy.cluster", "evil"}, {"io.kubernetes.pod.namespace", "evil"}});
  EXPECT_EQ(labels.find_key(kClusterKey)->value, "c1");
  EXPECT_EQ(labels.find_key(kPodNamespaceKey)->value, "a");
}

TEST(PodIdentityLabels, DropsWhatTheDefaultFilterDrops) {
  for (const std::string key :
       {"pod-template-hash", "controller-revision-hash", "kubernetes.io/arch", "k8s.io/x",
        "io.kubernetes.x", "annotation-anything", "etcd_node", "topology.kubernetes.io/zone",
        "some.beta.kubernetes.io/os", "statefulset.kubernetes.io/pod-name",
        "apps.kubernetes.io/pod-index", "batch.kubernetes.io/controller-uid"}) {
    EXPECT_FALSE(pod({{key, "x"}}).has_key(key)) << key;
  }
  for (const std::string key :
       {"app", "app.kubernetes.io/name", "k8s-app", "example.com/kubernetes.io", "my-annotation"}) {
    EXPECT_TRUE(pod({{key, "x"}}).has_key(key)) << key;
  }
}

TEST(PodIdentityLabels, KeepsNamespaceLabelsThatTheFilterWouldDropOnAPod) {
  const LabelSet labels = pod({}, {{"kubernetes.io/metadata.name", "a"}});
  EXPECT_TRUE(labels.has("k8s", "io.cilium.k8s.namespace.labels.kubernetes.io/metadata.name"));
}

TEST(CidrLabel, WritesColonsAsDashesAndReadsThemBack) {
  for (const auto& [prefix, key] :
       {std::pair("10.0.0.0/8", "10.0.0.0/8"), std::pair("::1/128", "0--1/128"),
        std::pair("2001:db8::/32", "2001-db8--0/32")}) {
    const Label label = cidr_label(*parse_ip_prefix(prefix));
    EXPECT_EQ(label.source, "cidr");
    EXPECT_EQ(label.key, key);
    EXPECT_EQ(parse_cidr_label_key(label.key), parse_ip_prefix(prefix));
  }
  EXPECT_FALSE(parse_cidr_label_key("10.0.0.1"));
  EXPECT_FALSE(parse_cidr_label_key("env"));
}

}  // namespace
}  // namespace policyc::policy
