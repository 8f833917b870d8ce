#include "compiler/explain/addresses.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "tests/fuzz/dice.h"

namespace policyc::explain {
namespace {

IpPrefix prefix(const char* text) { return *parse_ip_prefix(text); }

// The longest of the prefixes that holds the address; nothing when none does.
std::optional<IpPrefix> longest(const IpAddress& address, const std::vector<IpPrefix>& known) {
  std::optional<IpPrefix> out;
  for (const IpPrefix& one : known) {
    if (one.contains(address) && (!out || one.length > out->length)) out = one;
  }
  return out;
}

TEST(Addresses, AFreeOneLiesInNoLongerPrefix) {
  const std::vector<IpPrefix> known = {prefix("10.0.0.0/9"), prefix("10.128.0.0/10")};
  const auto address = free_address(prefix("10.0.0.0/8"), known);
  ASSERT_TRUE(address);
  EXPECT_TRUE(prefix("10.192.0.0/10").contains(*address)) << address->to_string();
}

TEST(Addresses, ThereIsNoneWhereLongerPrefixesCoverAll) {
  const std::vector<IpPrefix> known = {prefix("10.0.0.0/9"), prefix("10.128.0.0/9")};
  EXPECT_FALSE(free_address(prefix("10.0.0.0/8"), known));
}

TEST(Addresses, ASingleAddressStandsForItself) {
  EXPECT_EQ(free_address(prefix("10.1.2.3/32"), {prefix("10.1.2.3/32")})->to_string(), "10.1.2.3");
  EXPECT_EQ(free_address(prefix("::/128"), {})->to_string(), "::");
}

// Whatever the prefixes, each address of one is told apart as some representative of it is.
TEST(Addresses, RepresentativesStandForEveryAddress) {
  fuzz::Dice dice(7);
  for (int round = 0; round < 300; ++round) {
    std::vector<IpPrefix> known;
    const std::size_t count = dice.below(8);
    for (std::size_t i = 0; i < count; ++i) {
      IpPrefix one = host_prefix(*parse_ip_address("10.0.0." + std::to_string(dice.below(256))));
      one = *parse_ip_prefix(one.address.to_string() + "/" + std::to_string(24 + dice.below(9)));
      known.push_back(one);
    }
    std::sort(known.begin(), known.end());
    known.erase(std::unique(known.begin(), known.end()), known.end());
    const IpPrefix asked = *parse_ip_prefix("10.0.0." + std::to_string(dice.below(256)) + "/" +
                                            std::to_string(24 + dice.below(9)));
    std::vector<std::optional<IpPrefix>> told;
    for (const IpAddress& one : representatives(asked, known)) {
      EXPECT_TRUE(asked.contains(one));
      told.push_back(longest(one, known));
    }
    for (int last = 0; last < 256; ++last) {
      const IpAddress address = *parse_ip_address("10.0.0." + std::to_string(last));
      if (!asked.contains(address)) continue;
      EXPECT_NE(std::find(told.begin(), told.end(), longest(address, known)), told.end())
          << address.to_string() << " of " << asked.to_string();
    }
  }
}

}  // namespace
}  // namespace policyc::explain
