#include "compiler/support/strong_id.h"

#include <type_traits>
#include <unordered_set>

#include <gtest/gtest.h>

namespace policyc {
namespace {

using AppleId = StrongId<struct AppleTag>;
using PearId = StrongId<struct PearTag>;

TEST(StrongId, IsNoneUnlessGiven) {
  EXPECT_FALSE(AppleId{}.valid());
  EXPECT_TRUE(AppleId{0}.valid());
  EXPECT_FALSE(AppleId{AppleId::kNone}.valid());
}

TEST(StrongId, ComparesByValue) {
  EXPECT_EQ(AppleId{3}, AppleId{3});
  EXPECT_LT(AppleId{3}, AppleId{4});
}

TEST(StrongId, DoesNotMixWithOthers) {
  static_assert(!std::is_convertible_v<AppleId, PearId>);
  static_assert(!std::is_assignable_v<AppleId&, PearId>);
  static_assert(!std::equality_comparable_with<AppleId, PearId>);
}

TEST(StrongId, CanBeHashed) {
  const std::unordered_set<AppleId> ids{AppleId{1}, AppleId{2}, AppleId{1}};
  EXPECT_EQ(ids.size(), 2U);
}

}  // namespace
}  // namespace policyc
