// The small text formats, at their edges.

#include <array>

#include <gtest/gtest.h>

#include "compiler/policy/suggest.h"
#include "compiler/policy/text_format.h"

namespace policyc::policy {
namespace {

TEST(TextFormat, PortNumbersFollowGoBaseZero) {
  EXPECT_EQ(parse_port_number("0"), 0);
  EXPECT_EQ(parse_port_number("010"), 8);
  EXPECT_EQ(parse_port_number("0b000000000000101"), 5);
  EXPECT_EQ(parse_port_number("0o17"), 15);
  EXPECT_EQ(parse_port_number("0xffff"), 65535);
  EXPECT_EQ(parse_port_number("1_000"), 1000);
  EXPECT_EQ(parse_port_number("0_7"), 7);
  for (const std::string_view text :
       {"", "08", "65536", "+1", "-1", " 1", "1_", "_1", "1__0", "0x", "99999999999999999999"}) {
    EXPECT_FALSE(parse_port_number(text).has_value()) << text;
  }
}

TEST(TextFormat, ServiceNames) {
  for (const std::string_view text : {"http", "HTTP", "0x10", "a-b-c", "a", "abcdefghijklmno"}) {
    EXPECT_TRUE(is_service_name(text)) << text;
  }
  for (const std::string_view text : {"", "80", "-a", "a-", "a--b", "a_b", "abcdefghijklmnop"}) {
    EXPECT_FALSE(is_service_name(text)) << text;
  }
  EXPECT_FALSE(is_service_name("HTTP", true));
}

TEST(TextFormat, SloppyPrefixesReadLeadingZerosAsDecimal) {
  EXPECT_EQ(parse_sloppy_prefix("010.000.1.09/08")->to_string(), "10.0.0.0/8");
  EXPECT_EQ(parse_sloppy_prefix("2001:db8::/032")->to_string(), "2001:db8::/32");
  for (const std::string_view text :
       {"", "10.0.0.0", "10.0.0/8", "10.0.0.0.0/8", "10.0.0.256/8", "10.0.0.0/33", "10.0.0.0/-1",
        "10.0.0.0/8 ", "fe80::1%eth0/64"}) {
    EXPECT_FALSE(parse_sloppy_prefix(text).has_value()) << text;
  }
}

TEST(TextFormat, PrefixAddressKeepsHostBits) {
  EXPECT_EQ(parse_prefix_address("10.1.2.3/8")->to_string(), "10.1.2.3");
  EXPECT_FALSE(parse_prefix_address("10.1.2.3").has_value());
}

TEST(TextFormat, QualifiedNames) {
  EXPECT_FALSE(check_qualified_name("example.com/My_Name.1").has_value());
  EXPECT_FALSE(check_qualified_name("/a")->charset);
  EXPECT_TRUE(check_qualified_name("Example.com/a")->charset);
  EXPECT_FALSE(check_qualified_name(std::string(254, 'a') + "/a")->charset);
  EXPECT_TRUE(check_qualified_name("a/").has_value());
}

TEST(Suggest, PrefersABrokenOffWordThenTheFewestEdits) {
  constexpr std::array<std::string_view, 4> kWords{"port", "protocol", "endPort", "matchLabels"};
  EXPECT_EQ(nearest_word("prot", kWords), "protocol");
  EXPECT_EQ(nearest_word("potr", kWords), "port");
  EXPECT_EQ(nearest_word("endport", kWords), "endPort");
  EXPECT_EQ(nearest_word("matchlabel", kWords), "matchLabels");
  EXPECT_EQ(nearest_word("zzz", kWords), "");
  EXPECT_EQ(nearest_word("", kWords), "");
  EXPECT_EQ(nearest_word(std::string(100000, 'p'), kWords), "");
}

}  // namespace
}  // namespace policyc::policy
