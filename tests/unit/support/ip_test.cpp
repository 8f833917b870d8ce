#include "compiler/support/ip.h"

#include <gtest/gtest.h>

namespace policyc {
namespace {

IpPrefix prefix(std::string_view text) { return parse_ip_prefix(text).value(); }
IpAddress address(std::string_view text) { return parse_ip_address(text).value(); }

TEST(IpAddress, ParsesAndPrintsBothFamilies) {
  for (const auto* text :
       {"0.0.0.0", "192.0.2.1", "255.255.255.255", "::", "::1", "2001:db8::8:800:200c:417a"}) {
    const auto parsed = parse_ip_address(text);
    ASSERT_TRUE(parsed) << text;
    EXPECT_EQ(parsed->to_string(), text);
  }
  EXPECT_EQ(address("2001:DB8:0:0:0:0:0:1").to_string(), "2001:db8::1");
  EXPECT_FALSE(address("10.0.0.1").v6);
  EXPECT_TRUE(address("::ffff:10.0.0.1").v6);
  EXPECT_EQ(address("10.0.0.1").bit_length(), 32);
  EXPECT_EQ(address("::1").bit_length(), 128);
}

TEST(IpAddress, RefusesOtherText) {
  for (const auto* text :
       {"", "1.2.3", "1.2.3.4.5", "256.0.0.1", "01.2.3.4", "1.2.3.4 ", " 1.2.3.4", "1.2.3.4/32",
        "::1%eth0", ":::", "1::2::3", "12345::", "a.b.c.d", "0x7f.0.0.1"}) {
    EXPECT_FALSE(parse_ip_address(text)) << text;
  }
  EXPECT_FALSE(parse_ip_address(std::string_view("1.2.3.4\0", 8)));
}

TEST(IpPrefix, ClearsHostBits) {
  EXPECT_EQ(prefix("10.1.2.3/8").to_string(), "10.0.0.0/8");
  EXPECT_EQ(prefix("10.1.2.255/25").to_string(), "10.1.2.128/25");
  EXPECT_EQ(prefix("10.1.2.3/0").to_string(), "0.0.0.0/0");
  EXPECT_EQ(prefix("10.1.2.3/32").to_string(), "10.1.2.3/32");
  EXPECT_EQ(prefix("2001:db8:ffff::1/33").to_string(), "2001:db8:8000::/33");
  EXPECT_EQ(prefix("2001:db8::1/128").to_string(), "2001:db8::1/128");
}

TEST(IpPrefix, RefusesOtherText) {
  for (const auto* text : {"", "/", "10.0.0.0", "10.0.0.0/", "/8", "10.0.0.0/33", "::/129",
                           "10.0.0.0/08", "10.0.0.0/-1", "10.0.0.0/+8", "10.0.0.0/8 ",
                           "10.0.0.0/8/8", "10.0.0.0/99999999999", "10.0.0.0/x"}) {
    EXPECT_FALSE(parse_ip_prefix(text)) << text;
  }
}

TEST(IpPrefix, ContainsAddressesAndPrefixes) {
  EXPECT_TRUE(prefix("10.0.0.0/8").contains(address("10.255.0.1")));
  EXPECT_FALSE(prefix("10.0.0.0/8").contains(address("11.0.0.0")));
  EXPECT_TRUE(prefix("10.0.0.128/25").contains(address("10.0.0.128")));
  EXPECT_FALSE(prefix("10.0.0.128/25").contains(address("10.0.0.127")));
  EXPECT_TRUE(prefix("10.0.0.0/8").contains(prefix("10.0.0.0/8")));
  EXPECT_TRUE(prefix("10.0.0.0/8").contains(prefix("10.2.0.0/16")));
  EXPECT_FALSE(prefix("10.2.0.0/16").contains(prefix("10.0.0.0/8")));
  EXPECT_TRUE(prefix("::/0").contains(address("2001:db8::1")));
}

TEST(IpPrefix, KeepsTheFamiliesApart) {
  EXPECT_FALSE(prefix("0.0.0.0/0").contains(address("::1")));
  EXPECT_FALSE(prefix("::/0").contains(address("10.0.0.1")));
  EXPECT_FALSE(prefix("::/0").contains(prefix("0.0.0.0/0")));
  EXPECT_NE(prefix("::/0"), prefix("0.0.0.0/0"));
}

TEST(HostPrefix, IsTheWholeAddress) {
  EXPECT_EQ(host_prefix(address("10.0.0.1")).to_string(), "10.0.0.1/32");
  EXPECT_EQ(host_prefix(address("::1")).to_string(), "::1/128");
}

}  // namespace
}  // namespace policyc
