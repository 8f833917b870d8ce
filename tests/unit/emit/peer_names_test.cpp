#include "compiler/emit/peer_names.h"

#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/ir/sample.h"

namespace policyc::emit {
namespace {

using ::testing::ElementsAre;

policy::Selector parsed(std::string_view text) { return policy::parse_selector(text).value(); }

ir::Shape shape_of(std::vector<policy::Predicate> predicates) {
  ir::Shape shape;
  for (std::uint32_t i = 0; i < predicates.size(); ++i) shape.directions[0].predicates.push_back(i);
  shape.predicates = std::move(predicates);
  return shape;
}

TEST(PeerNames, AreThePolicysOwnWords) {
  EXPECT_THAT(
      peer_names(shape_of({parsed("any:app=front-end&k8s:io.kubernetes.pod.namespace=shop"),
                           parsed("k8s:io.kubernetes.pod.namespace=shop"), parsed("reserved:host"),
                           parsed("cidr:10.0.0.0%2f8"), parsed("any:tier!=a|b"), parsed("*")}),
                 0),
      ElementsAre("FRONT_END", "ALL_OF_SHOP", "HOST", "CIDR_10_0_0_0_8", "NOT_TIER", "EVERYBODY"));
}

TEST(PeerNames, UnionsSayHowManyThereAre) {
  const auto a = parsed("any:app=a"), b = parsed("any:app=b"), c = parsed("any:app=c");
  EXPECT_THAT(peer_names(shape_of({policy::Predicate{std::vector{a, b}},
                                   policy::Predicate{std::vector{a, b, c}}, policy::Predicate{}}),
                         0),
              ElementsAre("A_OR_B", "A_OR_2_MORE", "NOBODY"));
}

TEST(PeerNames, AreAllDifferentAndAlwaysIdentifiers) {
  std::vector<policy::Predicate> predicates;
  for (const char* value : {"x-y", "x.y", "x__2", "1", "", "*/ int main(void) {}", "\xc3\xa9"}) {
    predicates.emplace_back(
        policy::Selector{{{"any", "k", policy::Operator::In, {value}}}, std::string(value)});
  }
  const auto names = peer_names(shape_of(predicates), 0);
  EXPECT_EQ(std::set<std::string>(names.begin(), names.end()).size(), names.size());
  for (const std::string& name : names) {
    EXPECT_FALSE(name.empty());
    EXPECT_EQ(name.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"), std::string::npos)
        << name;
    EXPECT_FALSE(name[0] >= '0' && name[0] <= '9') << name;
  }
}

}  // namespace
}  // namespace policyc::emit
