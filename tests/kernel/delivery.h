#pragma once
// Packets between two endpoints of one node, and what becomes of them.

#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "tests/kernel/answers.h"
#include "tests/kernel/neighbours.h"

namespace policyc::kernel_test {

inline constexpr std::uint16_t kClientPort = 40000;  // of who begins
inline constexpr std::uint16_t kServerPort = 80;     // of the other one
inline constexpr std::uint32_t kPassed = static_cast<std::uint32_t>(POLICYC_PASS);
// Of an endpoint that has a queue.
inline constexpr std::uint32_t kPassedOn = static_cast<std::uint32_t>(POLICYC_NEXT);
inline constexpr std::uint32_t kDropped = POLICYC_DROP;
inline constexpr std::uint32_t kDelivered = kRedirected;
// What the policies say.
inline constexpr std::uint32_t kAllowed = POLICYC_DECISION(POLICY_ALLOW, 11);
inline constexpr std::uint32_t kDenied = POLICYC_DECISION(POLICY_DENY, 21);

// The same pair for a whole suite; each test begins from an empty node. Parameter: IP family.
class Delivery : public testing::TestWithParam<int> {
 protected:
  static void SetUpTestSuite() { node_ = std::make_unique<Neighbours>(); }
  static void TearDownTestSuite() { node_.reset(); }
  void SetUp() override { node_->reset(); }

  static int family() { return GetParam(); }
  static Datapath& datapath() { return node_->datapath(); }

  static Layer ip(Who from, std::uint8_t hops = 64) {
    const std::string source = Neighbours::address(from, family());
    const std::string destination = Neighbours::address(other(from), family());
    if (family() == 4) return Ipv4{.source = source, .destination = destination, .ttl = hops};
    return Ipv6{.source = source, .destination = destination, .hop_limit = hops};
  }
  // Of the connection that Alice begins, or Bob.
  static Bytes tcp(Who from, std::uint8_t flags, std::size_t payload = 16, Who beginner = kAlice) {
    const bool original = from == beginner;
    return build({Eth{}, ip(from),
                  Tcp{.source_port = original ? kClientPort : kServerPort,
                      .destination_port = original ? kServerPort : kClientPort,
                      .flags = flags},
                  Payload{.size = payload}});
  }

  static std::uint32_t send(Who from, const Bytes& frame) {
    return node_->run(Hook::FromEndpoint, from, frame).action;
  }
  static std::uint32_t send(Who from, std::uint8_t flags) { return send(from, tcp(from, flags)); }
  // What the stack would route to its endpoint.
  static std::uint32_t arrive(Who to, const Bytes& frame) {
    return node_->run(Hook::ToEndpoint, to, frame).action;
  }
  static std::uint32_t arrive(Who to, std::uint8_t flags) {
    return arrive(to, tcp(other(to), flags));
  }
  static std::optional<ct_value> entry(Who who, Who beginner = kAlice) {
    const bool client = who == beginner;
    return node_->entry(who, family(), kTcp, client ? kClientPort : kServerPort,
                        client ? kServerPort : kClientPort);
  }
  // Both entries of the connection that Alice begins.
  static void expect_entries(bool delivers) {
    for (const Who who : {kAlice, kBob}) {
      const auto value = entry(who);
      ASSERT_TRUE(value.has_value());
      EXPECT_EQ(value->deliver_to, delivers ? node_->interface(other(who)) : 0U);
      EXPECT_EQ(value->direction, who == kAlice ? POLICYC_EGRESS : POLICYC_INGRESS);
      EXPECT_EQ(value->peer_identity, Neighbours::identity(other(who)));
    }
    EXPECT_EQ(datapath().connections(), 2U);
  }
  // Established: both ends have seen each other.
  static void establish() {
    ASSERT_EQ(send(kAlice, kSyn), kDelivered);
    ASSERT_EQ(send(kBob, kSyn | kAck), kDelivered);
    ASSERT_EQ(send(kAlice, kAck), kDelivered);
    static_cast<void>(datapath().drain_events());
  }
  // Bob's policy denies what comes from Alice, or lets it through; Alice's, what goes to Bob.
  static void deny_at(Who who) { node_->set_class(other(who), kDeniedClass); }
  static void allow_at(Who who) { node_->set_class(other(who), kAllowedClass); }
  static void set_flags(Who who, std::uint16_t flags) {
    endpoint_value value = node_->endpoint(who);
    value.flags = flags;
    node_->set_endpoint(who, value);
  }
  // Says whose part in which packet the event tells of.
  static void expect_event(const event& record, Who who, policyc_direction direction,
                           policyc_event_type type, policyc_drop_reason reason = DROP_NONE) {
    EXPECT_EQ(record.type, type);
    EXPECT_EQ(record.reason, reason);
    EXPECT_EQ(record.direction, direction);
    EXPECT_EQ(record.endpoint_id, Neighbours::id(who));
    EXPECT_EQ(record.interface_index, node_->interface(who));
    EXPECT_EQ(record.local_identity, Neighbours::identity(who));
    EXPECT_EQ(record.peer_identity, Neighbours::identity(other(who)));
    EXPECT_EQ(record.shape_tag, Neighbours::tag(who));
  }
  static std::uint64_t hits(Who who, policyc_direction direction, std::uint32_t decision) {
    return datapath()
        .rule_hits(
            {.shape_tag = Neighbours::tag(who), .decision = decision, .direction = direction})
        .packets;
  }

  static inline std::unique_ptr<Neighbours> node_;
};

inline std::string family_name(const testing::TestParamInfo<int>& info) {
  return "Ipv" + std::to_string(info.param);
}

}  // namespace policyc::kernel_test
