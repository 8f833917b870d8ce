// Combinations of answers: all of them, without the product, and never silently fewer.
#include "compiler/verify/states.h"

#include <set>

#include <gtest/gtest.h>

#include "compiler/verify/pods.h"

namespace policyc::verify {
namespace {

policy::Selector selector(std::vector<policy::Requirement> requirements) {
  return {std::move(requirements), ""};
}

policy::Requirement is(const std::string& key, std::vector<std::string> values) {
  return {"any", key, policy::Operator::In, std::move(values)};
}

// The distinct truth vectors of the witnesses, each through the labels that an identity gets.
std::set<std::vector<bool>> truths(const std::vector<const policy::Selector*>& selectors,
                                   const PodWitnesses& witnesses) {
  std::set<std::vector<bool>> out;
  for (const PodWitness& pod : witnesses.pods) {
    const auto labels = policy::pod_identity_labels(pod.labels, pod.namespace_labels,
                                                    pod.any_namespace ? "other" : pod.namespace_,
                                                    pod.service_account, pod.cluster, {});
    std::vector<bool> truth;
    for (const auto* one : selectors) truth.push_back(one->matches(labels));
    out.insert(std::move(truth));
  }
  return out;
}

TEST(States, AreAsManyAsThereAreDifferentAnswers) {
  // 200 selectors on one key: 201 kinds of pods, not 2^200.
  std::vector<policy::Selector> selectors;
  for (int i = 0; i < 200; ++i)
    selectors.push_back(selector({is("app", {"a" + std::to_string(i)})}));
  std::vector<const policy::Selector*> pointers;
  for (const auto& one : selectors) pointers.push_back(&one);
  const PodWitnesses found = pod_witnesses(pointers, {}, 1000);
  EXPECT_EQ(found.pods.size(), 201U);
  EXPECT_EQ(found.left_out, 0U);
  EXPECT_EQ(truths(pointers, found).size(), 201U);
}

TEST(States, CoverEveryCombinationOfIndependentSelectors) {
  const policy::Selector a = selector({is("a", {"1"})});
  const policy::Selector b = selector({{"any", "b", policy::Operator::Exists, {}}});
  const policy::Selector c = selector({{"k8s", "c", policy::Operator::NotIn, {"x", "y"}}});
  const policy::Selector ns = selector({is(std::string(policy::kPodNamespaceKey), {"n"})});
  const std::vector<const policy::Selector*> all{&a, &b, &c, &ns};
  const PodWitnesses found = pod_witnesses(all, {}, 1000);
  EXPECT_EQ(found.pods.size(), 16U);
  EXPECT_EQ(truths(all, found).size(), 16U);
}

TEST(States, WitnessesLieInNamespacesWithTheLabelsThatTheyNeed) {
  const std::string key = std::string(policy::kNamespaceLabelsPrefix) + "team";
  const policy::Selector red = selector({is(key, {"red"})});
  const policy::Selector account = selector({is(std::string(policy::kServiceAccountKey), {"db"})});
  const policy::Selector cluster = selector({is(std::string(policy::kClusterKey), {"east"})});
  const std::vector<const policy::Selector*> all{&red, &account, &cluster};
  EXPECT_EQ(truths(all, pod_witnesses(all, {}, 1000)).size(), 8U);
}

// Labels that identities do not have cannot be asked for.
TEST(States, LabelsOutsideIdentitiesNeverMatch) {
  const policy::Selector hash = selector({is("pod-template-hash", {"x"})});
  const std::vector<const policy::Selector*> all{&hash};
  const PodWitnesses found = pod_witnesses(all, {}, 1000);
  EXPECT_EQ(truths(all, found), (std::set<std::vector<bool>>{{false}}));
}

TEST(States, BeyondTheLimitAreCounted) {
  std::vector<policy::Selector> selectors;
  for (int i = 0; i < 10; ++i) selectors.push_back(selector({is("k" + std::to_string(i), {"v"})}));
  std::vector<const policy::Selector*> pointers;
  for (const auto& one : selectors) pointers.push_back(&one);
  EXPECT_EQ(pod_witnesses(pointers, {}, 1024).left_out, 0U);
  const PodWitnesses found = pod_witnesses(pointers, {}, 100);
  EXPECT_EQ(found.pods.size(), 100U);
  EXPECT_GT(found.left_out, 0U);
}

}  // namespace
}  // namespace policyc::verify
