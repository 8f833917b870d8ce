// Who the other side is: exact address, then prefixes if the node has any, then the world.
#include <gtest/gtest.h>

#include "tests/kernel/flow.h"

namespace policyc::kernel_test {
namespace {

constexpr std::uint32_t kExactIdentity = 7001, kPrefixIdentity = 7002, kNarrowIdentity = 7003;

class IpCache : public EachWay {
 protected:
  void SetUp() override {
    datapath_ = Datapath::ready(Policy::Matrix);
    const int family = GetParam().family;
    datapath_->set_prefix(family == 4 ? "10.0.0.0" : "fd00::", family == 4 ? 8 : 16, kDeniedClass,
                          kPrefixIdentity);
  }
  [[nodiscard]] const char* peer() const { return GetParam().family == 4 ? kRemote4 : kRemote6; }
  void forget_exact() {
    if (GetParam().family == 4) {
      ASSERT_EQ(bpf_map_delete_elem(datapath_->map("ipcache4"), key4().data()), 0);
    } else {
      ASSERT_EQ(bpf_map_delete_elem(datapath_->map("ipcache6"), key6().data()), 0);
    }
  }
  [[nodiscard]] std::uint32_t flag() const {
    return GetParam().family == 4 ? NODE_HAS_PREFIXES4 : NODE_HAS_PREFIXES6;
  }
  [[nodiscard]] std::uint32_t other_flag() const {
    return GetParam().family == 4 ? NODE_HAS_PREFIXES6 : NODE_HAS_PREFIXES4;
  }
  event dropped(policyc_drop_reason reason) {
    return expect_drop(*datapath_, GetParam().hook, tcp(GetParam(), kSyn, 40000, 81), reason);
  }
  [[nodiscard]] static Bytes key4() { return {10, 0, 0, 20}; }
  [[nodiscard]] static Bytes key6() {
    return {0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x20};
  }

  std::unique_ptr<Datapath> datapath_;
};
INSTANTIATE_TEST_SUITE_P(Ways, IpCache, every_way(), way_name);

TEST_P(IpCache, ExactBeatsPrefix) {
  datapath_->set_peer(peer(), kAllowedClass, kExactIdentity);
  datapath_->set_config(flag());
  EXPECT_EQ(dropped(DROP_POLICY_DEFAULT_DENY).peer_identity, kExactIdentity);
}

TEST_P(IpCache, LongestPrefixWins) {
  forget_exact();
  datapath_->set_config(flag());
  EXPECT_EQ(dropped(DROP_POLICY_DENY).peer_identity, kPrefixIdentity);
  datapath_->set_prefix(peer(), GetParam().family == 4 ? 32 : 128, kRedirectedClass,
                        kNarrowIdentity);
  EXPECT_EQ(dropped(DROP_L7_PROXY_UNAVAILABLE).peer_identity, kNarrowIdentity);
}

TEST_P(IpCache, PrefixesAreAskedOnlyWhenTheNodeHasThem) {
  forget_exact();
  EXPECT_EQ(dropped(DROP_POLICY_DEFAULT_DENY).peer_identity,
            GetParam().family == 4 ? IDENTITY_WORLD_IPV4 : IDENTITY_WORLD_IPV6);
  datapath_->set_config(other_flag());
  EXPECT_EQ(dropped(DROP_POLICY_DEFAULT_DENY).peer_identity,
            GetParam().family == 4 ? IDENTITY_WORLD_IPV4 : IDENTITY_WORLD_IPV6);
}

TEST_P(IpCache, TheWorldHasItsOwnClass) {
  forget_exact();
  node_config_value config{};
  config.policy_epoch = 1;
  config.flags = flag();
  // Only the prefix's addresses are not the world's.
  config.world4_identity = IDENTITY_WORLD_IPV4;
  config.world6_identity = IDENTITY_WORLD_IPV6;
  config.world4_class = GetParam().family == 4 ? kAllowedClass : kDeniedClass;
  config.world6_class = GetParam().family == 6 ? kAllowedClass : kDeniedClass;
  datapath_->put("node_config", std::uint32_t{0}, config);
  const bool sent = GetParam().hook == Hook::FromEndpoint;
  const Bytes world = GetParam().family == 4
                          ? build({Eth{},
                                   Ipv4{.source = sent ? kLocal4 : "192.0.2.1",
                                        .destination = sent ? "192.0.2.1" : kLocal4},
                                   Tcp{}})
                          : build({Eth{},
                                   Ipv6{.source = sent ? kLocal6 : "2001:db8::1",
                                        .destination = sent ? "2001:db8::1" : kLocal6},
                                   Tcp{}});
  expect_pass(*datapath_, GetParam().hook, world);
  EXPECT_EQ(datapath_->connection(GetParam().family)->peer_identity,
            GetParam().family == 4 ? IDENTITY_WORLD_IPV4 : IDENTITY_WORLD_IPV6);
}

}  // namespace
}  // namespace policyc::kernel_test
