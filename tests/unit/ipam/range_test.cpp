// Which addresses of a range may be given, and in which order.

#include <set>

#include <gtest/gtest.h>

#include "tests/unit/ipam/ranges.h"

namespace policyc::testing {
namespace {

using ipam::next_free;
using ipam::Range;

// All that a range gives, in order, each once.
std::vector<std::string> all_of(const Range& range, std::size_t limit = 300) {
  std::vector<std::string> result;
  std::set<IpAddress> taken;
  std::optional<IpAddress> last;
  while (result.size() < limit) {
    last =
        next_free(range, last, [&](const IpAddress& address) { return !taken.contains(address); });
    if (!last) break;
    EXPECT_TRUE(ipam::may_give(range, *last)) << last->to_string();
    taken.insert(*last);
    result.push_back(last->to_string());
  }
  return result;
}
using Texts = std::vector<std::string>;

TEST(IpamRange, ReservesWhatASubnetNeeds) {
  EXPECT_EQ(all_of(range("10.0.0.0/29")),
            (Texts{"10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5", "10.0.0.6"}));
  EXPECT_EQ(all_of(range("10.0.0.4/31")), (Texts{"10.0.0.4", "10.0.0.5"}));
  EXPECT_EQ(all_of(range("10.0.0.4/32")), (Texts{"10.0.0.4"}));
  EXPECT_EQ(all_of(range("10.0.0.0/24")).size(), 254U);
  EXPECT_EQ(all_of(range("fd00::/126")), (Texts{"fd00::1", "fd00::2", "fd00::3"}));
  EXPECT_EQ(all_of(range("fd00::/127")), (Texts{"fd00::", "fd00::1"}));
  EXPECT_EQ(all_of(range("fd00::7/128")), (Texts{"fd00::7"}));
  EXPECT_EQ(all_of(range("255.255.255.248/29")).size(), 6U);
  EXPECT_FALSE(ipam::may_give(range("10.0.0.0/24"), ip("10.0.0.0")));
  EXPECT_FALSE(ipam::may_give(range("10.0.0.0/24"), ip("10.0.0.255")));
  EXPECT_FALSE(ipam::may_give(range("10.0.0.0/24"), ip("10.0.1.1")));
  EXPECT_FALSE(ipam::may_give(range("10.0.0.0/24"), ip("fd00::1")));
}

TEST(IpamRange, ReservesEvenWhenFirstAndLastNameThem) {
  Range whole = range("10.0.0.0/30");
  whole.first = ip("10.0.0.0");
  whole.last = ip("10.0.0.3");
  whole.gateway = ip("10.0.0.1");
  EXPECT_EQ(all_of(whole), (Texts{"10.0.0.2"}));
}

TEST(IpamRange, KeepsToFirstLastGatewayAndExclusions) {
  Range some = range("10.0.0.0/24");
  some.first = ip("10.0.0.10");
  some.last = ip("10.0.0.20");
  some.gateway = ip("10.0.0.11");
  some.excluded = {prefix("10.0.0.12/30"), prefix("10.0.0.18/32"), prefix("10.0.0.20/32")};
  EXPECT_EQ(all_of(some), (Texts{"10.0.0.10", "10.0.0.16", "10.0.0.17", "10.0.0.19"}));
}

TEST(IpamRange, TheSizeOfAnExclusionCostsNothing) {
  Range wide = range("fd00::/64");
  wide.excluded = {prefix("fd00::/65")};
  EXPECT_EQ(all_of(wide, 2), (Texts{"fd00::8000:0:0:0", "fd00::8000:0:0:1"}));
  wide.excluded.push_back(prefix("fd00::8000:0:0:0/65"));
  EXPECT_TRUE(all_of(wide).empty());
  Range top = range("ff00::/8");
  top.excluded = {prefix("ff00::/8")};
  EXPECT_TRUE(all_of(top).empty());
}

TEST(IpamRange, GoesRoundAndComesToTheLastOneLast) {
  const Range four = range("10.0.0.4/30");
  const auto any = [](const IpAddress&) { return true; };
  EXPECT_EQ(next_free(four, ip("10.0.0.5"), any), ip("10.0.0.6"));
  EXPECT_EQ(next_free(four, ip("10.0.0.6"), any), ip("10.0.0.5"));
  EXPECT_EQ(next_free(four, ip("10.0.0.6"), [](const IpAddress& a) { return a == ip("10.0.0.6"); }),
            ip("10.0.0.6"));
  // What was given last of another configuration says nothing.
  EXPECT_EQ(next_free(four, ip("10.9.9.9"), any), ip("10.0.0.5"));
  EXPECT_EQ(next_free(four, ip("fd00::1"), any), ip("10.0.0.5"));
  EXPECT_EQ(next_free(four, std::nullopt, [](const IpAddress&) { return false; }), std::nullopt);
}

TEST(IpamRange, ContradictionsAreNamed) {
  const auto message = [](const std::vector<ipam::RangeSet>& sets) {
    const auto result = ipam::validate(sets);
    return result ? std::string() : result.error().message;
  };
  Range bad = range("10.0.0.0/24");
  EXPECT_EQ(message({{bad}}), "");
  bad.first = ip("10.0.1.1");
  EXPECT_EQ(message({{bad}}), "range 10.0.0.0/24: first address 10.0.1.1 is not in it");
  bad = range("10.0.0.0/24");
  bad.first = ip("10.0.0.9");
  bad.last = ip("10.0.0.8");
  EXPECT_EQ(message({{bad}}),
            "range 10.0.0.0/24: first address 10.0.0.9 is after the last, 10.0.0.8");
  bad = range("10.0.0.0/24");
  bad.excluded = {prefix("10.0.0.0/16")};
  EXPECT_EQ(message({{bad}}), "range 10.0.0.0/24: excluded 10.0.0.0/16 is not in it");
  bad = range("10.0.0.0/24");
  bad.gateway = ip("fd00::1");
  EXPECT_EQ(message({{bad}}), "range 10.0.0.0/24: gateway fd00::1 is of the other family");
  EXPECT_EQ(message({}), "there are no ranges");
  EXPECT_EQ(message({{}}), "a set of ranges is empty");
  EXPECT_EQ(message({{range("10.0.0.0/24")}, {range("10.1.0.0/24")}}),
            "two sets of ranges have IPv4 addresses; an interface gets one of each family");
  EXPECT_EQ(message({{range("10.0.0.0/24"), range("fd00::/64")}}),
            "a set of ranges has both IPv4 and IPv6");
  EXPECT_EQ(message({{range("10.0.0.0/24"), range("10.0.0.128/25")}}),
            "ranges 10.0.0.0/24 and 10.0.0.128/25 overlap");
  EXPECT_EQ(message({{range("10.0.0.0/24")}, {range("fd00::/64")}}), "");
}

}  // namespace
}  // namespace policyc::testing
