// Addresses inside prefixes and outside longer ones.
#include "compiler/verify/world.h"

#include <gtest/gtest.h>

namespace policyc::verify {
namespace {

IpPrefix prefix(std::string_view text) { return *parse_ip_prefix(text); }

class Free : public ::testing::Test {
 protected:
  // The prefixes that the policies mention.
  FreeAddresses free_of(const std::vector<std::string>& texts) {
    for (const std::string& text : texts) resolved_.prefixes.push_back({prefix(text), {}});
    return FreeAddresses(policy::AddressBook(cluster_, resolved_, options_));
  }

  policy::Cluster cluster_;
  policy::Resolved resolved_;
  policy::Options options_;
};

TEST_F(Free, AddressesAvoidLongerPrefixes) {
  FreeAddresses free = free_of({"10.0.0.0/8", "10.0.0.0/9", "10.128.0.0/10", "10.192.0.0/11"});
  const auto address = free.take_inside(prefix("10.0.0.0/8"));
  ASSERT_TRUE(address.has_value());
  EXPECT_EQ(address->to_string(), "10.224.0.0");
}

TEST_F(Free, APrefixCoveredByItsPartsHasNone) {
  FreeAddresses free = free_of({"10.0.0.0/8", "10.0.0.0/9", "10.128.0.0/9"});
  EXPECT_FALSE(free.take_inside(prefix("10.0.0.0/8")).has_value());
  EXPECT_TRUE(free.take_inside(prefix("10.0.0.0/9")).has_value());
}

TEST_F(Free, AnAddressIsTakenOnce) {
  FreeAddresses free = free_of({"192.0.2.7/32", "fd00::/127"});
  EXPECT_EQ(free.take_inside(prefix("192.0.2.7/32"))->to_string(), "192.0.2.7");
  EXPECT_TRUE(free.take_inside(prefix("fd00::/127")).has_value());
  EXPECT_TRUE(free.take_inside(prefix("fd00::/127")).has_value());
  EXPECT_FALSE(free.take_inside(prefix("fd00::/127")).has_value());
}

TEST_F(Free, StrangersAreInNoPrefix) {
  FreeAddresses free = free_of({"0.0.0.0/0", "192.0.2.0/24", "0.0.0.0/1"});
  const auto first = free.take_outside(false);
  const auto second = free.take_outside(false);
  ASSERT_TRUE(first && second);
  EXPECT_NE(*first, *second);
  for (const auto& address : {*first, *second}) {
    EXPECT_FALSE(prefix("192.0.2.0/24").contains(address)) << address.to_string();
    EXPECT_FALSE(prefix("0.0.0.0/1").contains(address)) << address.to_string();
  }
}

}  // namespace
}  // namespace policyc::verify
