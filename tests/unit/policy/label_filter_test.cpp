// Which labels are part of an identity with patterns of one's own.

#include "compiler/policy/label_filter.h"

#include <atomic>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "compiler/policy/labels.h"

namespace policyc::policy {
namespace {

LabelFilter filter(const std::string& text) {
  auto parsed = LabelFilter::parse(text);
  EXPECT_TRUE(parsed) << text;
  return parsed ? std::move(*parsed) : LabelFilter();
}

bool keeps(const std::string& text, std::string_view key) { return filter(text).keeps_of_pod(key); }

TEST(LabelFilter, NoPatternIsTheDefault) {
  for (const char* text : {"", " \t\n"}) {
    EXPECT_TRUE(keeps(text, "app")) << text;
    EXPECT_FALSE(keeps(text, "pod-template-hash")) << text;
  }
}

TEST(LabelFilter, WhatIsLeftOutComesOnTopOfTheDefault) {
  const std::string text = "!job-name k8s:!build-[0-9]+";
  EXPECT_FALSE(keeps(text, "job-name"));
  EXPECT_FALSE(keeps(text, "job-name-of-more"));
  EXPECT_FALSE(keeps(text, "build-17"));
  EXPECT_TRUE(keeps(text, "build-x"));
  EXPECT_TRUE(keeps(text, "my-job-name")) << "a pattern is matched at the start";
  EXPECT_TRUE(keeps(text, "app"));
  EXPECT_FALSE(keeps(text, "pod-template-hash"));
}

TEST(LabelFilter, APatternThatKeepsLeavesOutWhatNoneKeeps) {
  const std::string text = "k8s:k8s-app k8s:team$";
  EXPECT_TRUE(keeps(text, "k8s-app"));
  EXPECT_TRUE(keeps(text, "k8s-app-role"));
  EXPECT_TRUE(keeps(text, "team"));
  EXPECT_FALSE(keeps(text, "teams"));
  EXPECT_FALSE(keeps(text, "app"));
  // Those that Cilium keeps without any pattern.
  EXPECT_TRUE(keeps(text, "app.kubernetes.io/name"));
  EXPECT_TRUE(keeps(text, kPodNamespaceKey));
  EXPECT_TRUE(keeps(text, kClusterKey));
  EXPECT_TRUE(keeps(text, kServiceAccountKey));
  EXPECT_TRUE(keeps(text, std::string(kNamespaceLabelsPrefix) + "team"));
}

TEST(LabelFilter, TheLongestThatKeepsWinsAgainstTheShortestThatLeavesOut) {
  EXPECT_TRUE(keeps("!foo foo.bar", "foo.bar"));
  EXPECT_FALSE(keeps("!foo foo.bar", "foo.b"));
  EXPECT_FALSE(keeps("!foo.bar foo", "foo.bar"));
  EXPECT_FALSE(keeps("!foo foo", "foo")) << "it is to be longer";
  EXPECT_TRUE(keeps("!foo !foo.bar.baz foo.bar", "foo.bar.baz"));
  // Against the default filter's own.
  EXPECT_TRUE(keeps("topology.kubernetes.io/zone", "topology.kubernetes.io/zone"));
  EXPECT_FALSE(keeps("topology", "topology.kubernetes.io/zone"));
  EXPECT_FALSE(keeps("!io.cilium.k8s.namespace.labels.secret",
                     std::string(kNamespaceLabelsPrefix) + "secret"));
}

TEST(LabelFilter, OnlyTheLeftmostMatchCounts) {
  EXPECT_FALSE(keeps("b|ab", "xab"));
  EXPECT_TRUE(keeps("ab?", "abc"));
  EXPECT_TRUE(keeps("!x*", "app")) << "a match of nothing leaves nothing out";
  // And nothing that stands before it does, the default filter included, as in Cilium.
  EXPECT_TRUE(keeps("!x*", "pod-template-hash"));
  EXPECT_TRUE(keeps("!app !x*", "app"));
  EXPECT_FALSE(keeps("!x* !app", "app"));
}

TEST(LabelFilter, SourcesOtherThanThePodsAreNoneOfItsLabels) {
  EXPECT_TRUE(keeps("container:!app", "app"));
  EXPECT_FALSE(keeps(":!app", "app"));
  // A mistake that Cilium takes: the source is `!k8s`, and something is named that is kept.
  EXPECT_FALSE(keeps("!k8s:job", "job"));
  EXPECT_FALSE(keeps("!k8s:job", "app"));
  EXPECT_TRUE(filter("node:!zone").keeps("k8s", "zone"));
  EXPECT_FALSE(filter("node:!zone").keeps("node", "zone"));
  EXPECT_TRUE(filter("node:role").keeps("node", "role"));
  EXPECT_FALSE(filter("node:role").keeps("node", "uuid"));
  EXPECT_TRUE(LabelFilter().keeps("node", "topology.kubernetes.io/zone")) << "no defaults there";
}

TEST(LabelFilter, MistakesAreRefused) {
  for (const char* text : {"k8s:", "a(", "app !*", ":"})
    EXPECT_FALSE(LabelFilter::parse(text)) << text;
}

TEST(LabelFilter, IsEqualToOneOfTheSamePatterns) {
  EXPECT_EQ(filter("a  !b"), filter(" a !b\n"));
  EXPECT_FALSE(filter("a") == filter("!a"));
  EXPECT_EQ(filter(" a\t!b ").text(), "a !b");
}

TEST(LabelFilter, AnswersTheSameToManyThreads) {
  const LabelFilter one = filter("!odd");
  std::vector<std::thread> threads;
  std::atomic<int> wrong = 0;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&wrong, copy = one] {
      for (int i = 0; i < 10'000; ++i) {
        const std::string key = (i % 2 == 0 ? "even" : "odd") + std::to_string(i);
        if (copy.keeps_of_pod(key) != (i % 2 == 0)) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST(LabelFilter, PodsThatDifferInWhatIsLeftOutAreOneIdentity) {
  const LabelFilter jobs = filter("!job-name");
  const auto labels = [&jobs](const std::string& job) {
    return pod_identity_labels({{"app", "batch"}, {"job-name", job}}, {{"team", "x"}}, "a", "", "c",
                               jobs);
  };
  EXPECT_EQ(labels("one"), labels("two"));
  EXPECT_TRUE(labels("one").has("k8s", "app"));
}

}  // namespace
}  // namespace policyc::policy
