#include "compiler/policy/labels.h"

#include <atomic>
#include <thread>

#include <gtest/gtest.h>

namespace policyc::policy {
namespace {

LabelSet pod(const StringMap& labels, const StringMap& namespace_labels = {}) {
  return pod_identity_labels(labels, namespace_labels, "a", "sa", "c1", {});
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
  EXPECT_FALSE(pod_identity_labels({}, {}, "a", "", "c1", {}).has_key(kServiceAccountKey));
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

TEST(LabelRefs, ThreadsTakeAndDropTheSameLabels) {
  std::vector<std::thread> threads;
  std::atomic<int> wrong = 0;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&wrong] {
      for (int i = 0; i < 20'000; ++i) {
        const std::string key = "key" + std::to_string(i % 3);
        LabelSet set;
        set.set("k8s", key, "value");
        const LabelSet copy = set;
        set.set("k8s", "other", std::to_string(i));
        if (copy.all().size() != 1 || copy.all()[0] != Label{"k8s", key, "value"} || copy == set)
          ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST(LabelRefs, EqualSetsAreEqualHoweverTheyCameAbout) {
  LabelSet a;
  a.set("k8s", "x", "1");
  a.set("k8s", "y", "2");
  a.set("k8s", "z", "3");
  LabelSet b;
  EXPECT_TRUE(b.add({"k8s", "y", "2"}));
  EXPECT_FALSE(b.add({"any", "y", "3"}));
  b.set("k8s", "z", "0");
  b.set("k8s", "z", "3");
  EXPECT_NE(a, b);
  EXPECT_LT(a, b);
  EXPECT_TRUE(b.add({"k8s", "x", "1"}));
  EXPECT_EQ(a, b);
  EXPECT_EQ(a.hash(), b.hash());
  EXPECT_EQ(a <=> b, std::strong_ordering::equal);
  b.remove("k8s", "z");
  EXPECT_GT(a, b);
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
