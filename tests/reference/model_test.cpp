// The sentences of docs/datapath.md that the model has to keep, without a kernel.
#include "tests/reference/model.h"

#include <gtest/gtest.h>

#include "tests/kernel/packet.h"

namespace policyc::reference {
namespace {

using namespace kernel_test;

constexpr const char* kLocal = "10.0.0.10";
constexpr const char* kPeer = "10.0.0.20";
constexpr const char* kOther = "10.0.0.30";
constexpr std::uint32_t kAllowed = 1, kDenied = 2;

class ModelTest : public testing::Test {
 protected:
  void SetUp() override {
    model_.endpoint.ipv4 = Address::of(kLocal);
    set_peer(kAllowed);
    model_.policy = [this](const Question& question) {
      asked_.push_back(question);
      if (question.peer_class == kDenied) return POLICYC_DECISION(POLICY_DENY, 2);
      return question.peer_class == kAllowed && question.port == 80
                 ? POLICYC_DECISION(POLICY_ALLOW, 1)
                 : POLICYC_DECISION(POLICY_DEFAULT_DENY, 0);
    };
  }
  void set_peer(std::uint32_t peer_class) { model_.ip_cache.set(Address::of(kPeer), peer_class); }

  policyc_drop_reason out(const Layer& transport, const char* destination = kPeer) {
    return model_
        .receive(build({Eth{}, Ipv4{.source = kLocal, .destination = destination}, transport}),
                 POLICYC_EGRESS)
        .reason;
  }
  policyc_drop_reason in(const Layer& transport) {
    return model_
        .receive(build({Eth{}, Ipv4{.source = kPeer, .destination = kLocal}, transport}),
                 POLICYC_INGRESS)
        .reason;
  }
  policyc_drop_reason send(std::uint8_t flags) { return out(Tcp{.flags = flags}); }
  policyc_drop_reason answer(std::uint8_t flags) { return in(Tcp{80, 40000, flags}); }
  // Seconds that the only connection has left.
  [[nodiscard]] std::uint64_t left() const {
    return model_.connections().begin()->second.expires - model_.now();
  }

  Model model_;
  std::vector<Question> asked_;
};

TEST_F(ModelTest, AsksOncePerConnectionAndEpoch) {
  EXPECT_EQ(send(kSyn), DROP_NONE);
  EXPECT_EQ(answer(kSyn | kAck), DROP_NONE);
  EXPECT_EQ(send(kAck), DROP_NONE);
  ASSERT_EQ(asked_.size(), 1U);
  EXPECT_EQ(asked_[0].direction, POLICYC_EGRESS);
  EXPECT_EQ(asked_[0].protocol, 6);
  model_.node.epoch = 2;
  set_peer(kDenied);
  EXPECT_EQ(answer(kAck), DROP_NONE) << "replies do not ask";
  EXPECT_EQ(send(kAck), DROP_POLICY_DENY);
  EXPECT_EQ(answer(kAck), DROP_POLICY_DENY);
}

TEST_F(ModelTest, TcpLifetimes) {
  send(kSyn);
  EXPECT_EQ(left(), 60U);
  answer(kSyn | kAck);
  EXPECT_EQ(left(), 8000U);
  send(kFin | kAck);
  EXPECT_EQ(left(), 8000U);
  answer(kFin | kAck);
  EXPECT_EQ(left(), 10U);
  model_.advance(4);
  send(kAck);
  EXPECT_EQ(left(), 6U) << "never prolonged";
  model_.advance(6);
  EXPECT_EQ(model_.living(), 0U);
  EXPECT_EQ(answer(kAck), DROP_POLICY_DEFAULT_DENY);
}

TEST_F(ModelTest, ASynReopens) {
  send(kSyn);
  answer(kFin | kAck);
  EXPECT_EQ(send(kSyn), DROP_NONE);
  EXPECT_EQ(asked_.size(), 2U);
  EXPECT_EQ(left(), 60U);
  send(kRst);
  set_peer(kDenied);
  EXPECT_EQ(send(kSyn | kAck), DROP_NONE);
  EXPECT_EQ(send(kSyn), DROP_POLICY_DENY);
}

TEST_F(ModelTest, ResetsAndEchoRepliesOpenNothing) {
  model_.policy = [](const Question&) { return POLICYC_DECISION(POLICY_ALLOW, 1); };
  EXPECT_EQ(send(kRst), DROP_NONE);
  EXPECT_EQ(out(Icmp{.type = 0}), DROP_NONE);
  EXPECT_TRUE(model_.connections().empty());
}

TEST_F(ModelTest, ErrorsGoToTheSenderOfWhatTheyQuote) {
  in(Tcp{});
  ASSERT_EQ(model_.living(), 1U);
  const auto error = [&](const char* destination) {
    return model_
        .receive(build({Eth{}, Ipv4{.source = kLocal, .destination = destination},
                        Icmp{.type = 3, .code = 3}, Ipv4{.source = kPeer, .destination = kLocal},
                        Tcp{}}),
                 POLICYC_EGRESS)
        .reason;
  };
  EXPECT_EQ(error(kPeer), DROP_NONE);
  EXPECT_EQ(error(kOther), DROP_POLICY_DEFAULT_DENY);
  model_.tolerate.error_to_anyone = true;
  EXPECT_EQ(error(kOther), DROP_NONE);
}

TEST_F(ModelTest, AuditForgivesOnlyThePolicy) {
  model_.endpoint.audit = true;
  set_peer(kDenied);
  EXPECT_EQ(send(kSyn), DROP_NONE);
  EXPECT_EQ(model_.living(), 1U);
  model_.policy = [](const Question&) { return POLICYC_DECISION(POLICY_REDIRECT, 1); };
  EXPECT_EQ(out(Udp{}), DROP_L7_PROXY_UNAVAILABLE);
}

TEST_F(ModelTest, LaterFragmentsHaveTheFirstOnesPorts) {
  const auto fragment = [&](std::uint16_t offset, std::uint16_t id) {
    return model_
        .receive(build({Eth{},
                        Ipv4{.source = kLocal,
                             .destination = kPeer,
                             .id = id,
                             .fragment_offset = offset,
                             .more_fragments = offset == 0},
                        Udp{.destination_port = 80}, Payload{.size = 16}}),
                 POLICYC_EGRESS)
        .reason;
  };
  EXPECT_EQ(fragment(32, 1), DROP_FRAGMENT_WITHOUT_FIRST);
  EXPECT_EQ(fragment(0, 1), DROP_NONE);
  EXPECT_EQ(fragment(32, 1), DROP_NONE);
  EXPECT_EQ(fragment(32, 2), DROP_FRAGMENT_WITHOUT_FIRST);
  EXPECT_EQ(model_.living(), 1U);
}

TEST(IpCacheTest, ExactThenLongestPrefixThenWorld) {
  IpCache cache;
  cache.set(Address::of("10.1.1.1"), 1);
  cache.set_prefix(Address::of("10.0.0.0"), 8, 2);
  cache.set_prefix(Address::of("10.1.0.0"), 15, 3);
  const auto class_of = [&](const char* text, bool prefixes = true) {
    return cache.class_of(Address::of(text), prefixes, 9);
  };
  EXPECT_EQ(class_of("10.1.1.1"), 1U);
  EXPECT_EQ(class_of("10.0.255.255"), 3U);
  EXPECT_EQ(class_of("10.2.0.0"), 2U);
  EXPECT_EQ(class_of("11.0.0.0"), 9U);
  EXPECT_EQ(class_of("10.2.0.0", false), 9U);
  EXPECT_EQ(class_of("a00::"), 9U) << "another family";
}

}  // namespace
}  // namespace policyc::reference
