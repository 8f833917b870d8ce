// The texts of nft, ipset and /proc/net/ip_vs.

#include "loader/kubeproxy/network.h"

#include <gmock/gmock.h>

namespace policyc::kubeproxy {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(NftTables, OnlyKubeProxysOfItsTwoFamilies) {
  const auto tables = parse_nft_tables(
      R"({"nftables": [{"metainfo": {"version": "1.0.6", "json_schema_version": 1}},
          {"table": {"family": "ip", "name": "kube-proxy", "handle": 1}},
          {"table": {"family": "inet", "name": "kube-proxy", "handle": 2}},
          {"table": {"family": "ip", "name": "kube-proxy-2", "handle": 3}},
          {"table": {"family": "ip6", "name": "kube-proxy", "handle": 4}}]})");
  ASSERT_TRUE(tables.has_value()) << tables.error().message;
  ASSERT_EQ(tables->size(), 2U);
  EXPECT_EQ((*tables)[0].family, "ip");
  EXPECT_EQ((*tables)[1].family, "ip6");
}

TEST(NftTables, WhatIsNoAnswerIsAnError) {
  for (const char* text : {"", "{", "[]", "{}", R"({"nftables": {}})",
                           R"({"nftables": [{"table": {"family": "ip"}}]})",
                           R"({"nftables": [{"table": {"family": 4, "name": "kube-proxy"}}]})",
                           R"({"nftables": [{"table": "kube-proxy"}]})"}) {
    EXPECT_FALSE(parse_nft_tables(text).has_value()) << text;
  }
  EXPECT_TRUE(parse_nft_tables(R"({"nftables": []})").has_value());
}

TEST(NftChains, WithTheirTables) {
  const auto chains = parse_nft_chains(
      R"({"nftables": [{"chain": {"family": "ip6", "table": "nat", "name": "KUBE-SERVICES", "handle": 9}}]})");
  ASSERT_TRUE(chains.has_value()) << chains.error().message;
  ASSERT_EQ(chains->size(), 1U);
  EXPECT_EQ(chains->front().family, "ip6");
  EXPECT_EQ(chains->front().table, "nat");
  EXPECT_EQ(chains->front().name, "KUBE-SERVICES");
  EXPECT_FALSE(
      parse_nft_chains(R"({"nftables": [{"chain": {"family": "ip", "name": "x"}}]})").has_value());
}

TEST(IpVs, ServicesAndDestinationsOfBothFamilies) {
  const auto counts = parse_ip_vs(
      "IP Virtual Server version 1.2.1 (size=4096)\n"
      "Prot LocalAddress:Port Scheduler Flags\n"
      "  -> RemoteAddress:Port Forward Weight ActiveConn InActConn\n"
      "TCP  0A600001:01BB rr \n"
      "  -> AC120002:192B      Masq    1      0          0         \n"
      "  -> AC120003:192B      Masq    1      0          0         \n"
      "UDP  [fd00:0010:0096:0000:0000:0000:0000:000a]:0035 rr \n"
      "FWM  00000001 wlc persistent 300 FFFFFFFF\n"
      "  -> AC120004:0050      Route   1      0          0         \n");
  ASSERT_TRUE(counts.has_value()) << counts.error().message;
  EXPECT_EQ(counts->services, 3U);
  EXPECT_EQ(counts->destinations, 3U);
}

TEST(IpVs, OnlyHeadingsMeanNone) {
  const auto counts = parse_ip_vs(
      "IP Virtual Server version 1.2.1 (size=4096)\n"
      "Prot LocalAddress:Port Scheduler Flags\n"
      "  -> RemoteAddress:Port Forward Weight ActiveConn InActConn\n");
  ASSERT_TRUE(counts.has_value());
  EXPECT_EQ(counts->services, 0U);
}

TEST(IpVs, AnotherTextIsAnError) {
  EXPECT_FALSE(parse_ip_vs("").has_value());
  EXPECT_FALSE(parse_ip_vs("TCP  0A600001:01BB rr\n").has_value());
  EXPECT_FALSE(parse_ip_vs("IP Virtual Server version 9\nQUIC 1\n").has_value());
}

TEST(SetNames, OnlyKubeProxys) {
  EXPECT_THAT(parse_set_names("mine\nKUBE-LOOP-BACK\nKUBE-SRC-ABC\nKUBE-6-IPVS-IPS\n"),
              ElementsAre("KUBE-LOOP-BACK", "KUBE-6-IPVS-IPS"));
  EXPECT_THAT(parse_set_names(""), IsEmpty());
}

}  // namespace
}  // namespace policyc::kubeproxy
