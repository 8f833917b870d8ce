// Denied packets that get no answer, and answers on their way through the other program.
#include <algorithm>

#include <gtest/gtest.h>

#include "tests/kernel/answers.h"

namespace policyc::kernel_test {
namespace {

constexpr std::uint32_t kAnswering[] = {NODE_DENY_ICMP, NODE_DENY_RESET};
constexpr std::uint64_t kMillisecond = 1'000'000;

class NoAnswer : public EachWay {
 protected:
  [[nodiscard]] static Hook hook() { return GetParam().hook; }
  [[nodiscard]] static bool is_v4() { return GetParam().family == 4; }

  // A packet with this transport header; `change` may alter its IP header.
  static Bytes frame(const Layer& transport, const std::function<void(Layer&)>& change) {
    Layer header = ip(GetParam());
    change(header);
    return build({Eth{}, header, transport, Payload{.size = 16}});
  }
  static void set(Layer& header, const char* source, const char* destination) {
    std::visit(
        [&](auto& value) {
          if constexpr (requires { value.destination; }) {
            if (source != nullptr) value.source = source;
            if (destination != nullptr) value.destination = destination;
          }
        },
        header);
  }
};
INSTANTIATE_TEST_SUITE_P(Ways, NoAnswer, every_way(), way_name);

TEST_P(NoAnswer, UnlessTheNodeIsToldTo) {
  const auto datapath = denying(NODE_TRACE_VERDICTS | NODE_EXTENDED_PROTOCOLS);
  expect_drop(*datapath, hook(), tcp(GetParam(), kSyn), DROP_POLICY_DENY);
  expect_drop(*datapath, hook(), packet(GetParam(), Udp{}), DROP_POLICY_DENY);
}

TEST_P(NoAnswer, OnlyToWhatThePolicyDenied) {
  for (const std::uint32_t flags : kAnswering) {
    const auto datapath = denying(flags);
    const auto dropped = [&](std::uint32_t peer_class, policyc_drop_reason reason) {
      datapath->set_peer(is_v4() ? kRemote4 : kRemote6, peer_class);
      expect_drop(*datapath, hook(), tcp(GetParam(), kSyn), reason);
    };
    dropped(kRedirectedClass, DROP_L7_PROXY_UNAVAILABLE);
    dropped(kAuthenticatedClass, DROP_AUTH_REQUIRED);
    dropped(kNonsenseClass, DROP_MISSING_STATE);
    datapath->set_endpoint(0, 0);
    dropped(kDeniedClass, DROP_POLICY_MISSING);
    datapath->set_endpoint();
    datapath->set_peer(is_v4() ? kRemote4 : kRemote6, kUnknownClass);
    EXPECT_EQ(run_marked(*datapath, hook(), tcp(GetParam(), kSyn)).action, kRedirected)
        << "default deny is the policy's";
    Bytes cut = tcp(GetParam(), kSyn);
    cut.resize(cut.size() - 17);
    EXPECT_EQ(run_marked(*datapath, hook(), cut).action, static_cast<std::uint32_t>(POLICYC_DROP));
  }
}

TEST_P(NoAnswer, AuditLetsThrough) {
  const auto datapath = denying(NODE_DENY_RESET);
  datapath->set_endpoint(ENDPOINT_AUDIT);
  const Answered audited = run_marked(*datapath, hook(), tcp(GetParam(), kSyn));
  EXPECT_EQ(audited.action, static_cast<std::uint32_t>(POLICYC_PASS));
  EXPECT_EQ(audited.mark, 0U);
}

TEST_P(NoAnswer, ToIcmpErrorsAndWhatIsNotKnownToBeNone) {
  const auto datapath = denying(NODE_DENY_ICMP);
  std::vector<std::uint8_t> types{3, 4, 5, 6, 7, 9, 10, 11, 12, 19, 200};
  if (!is_v4()) types = {0, 1, 2, 3, 4, 5, 100, 127};
  for (const std::uint8_t type : types) {
    expect_drop(*datapath, hook(), packet(GetParam(), Icmp{.type = type}), DROP_POLICY_DENY,
                std::to_string(type));
  }
  types = is_v4() ? std::vector<std::uint8_t>{13, 14, 17, 18}
                  : std::vector<std::uint8_t>{128, 129, 139, 200};
  for (const std::uint8_t type : types) {
    EXPECT_EQ(run_marked(*datapath, hook(), packet(GetParam(), Icmp{.type = type})).action,
              kRedirected)
        << static_cast<int>(type);
  }
}

TEST_P(NoAnswer, ToManyHostsAtOnce) {
  const auto datapath = denying(NODE_DENY_ICMP);
  datapath->set_prefix("0.0.0.0", 0, kDeniedClass, kRemoteIdentity);
  datapath->set_prefix("::", 0, kDeniedClass, kRemoteIdentity);
  datapath->set_config(NODE_DENY_ICMP | NODE_HAS_PREFIXES4 | NODE_HAS_PREFIXES6);
  std::vector<const char*> groups{"224.0.0.1", "239.255.1.1", "255.255.255.255", "240.0.0.1"};
  if (!is_v4()) groups = {"ff02::1", "ff0e::101"};
  for (const char* group : groups) {
    const Bytes multicast = frame(Udp{}, [group](Layer& header) { set(header, nullptr, group); });
    expect_drop(*datapath, hook(), multicast, DROP_POLICY_DENY, group);
  }
  // One host by its address, all of them by the frame's.
  for (const std::size_t station : {0U, 6U}) {
    Bytes group = packet(GetParam(), Udp{});
    group[station] |= 1;
    expect_drop(*datapath, hook(), group, DROP_POLICY_DENY);
  }
}

TEST_P(NoAnswer, ToNobody) {
  if (hook() == Hook::FromEndpoint) {
    // An endpoint only sends from its own address, which the answer goes to.
    const auto datapath = denying(NODE_DENY_ICMP);
    expect_drop(
        *datapath, hook(),
        frame(Udp{}, [](Layer& header) { set(header, is_v4() ? "0.0.0.0" : "::", nullptr); }),
        DROP_INVALID_SOURCE_ADDRESS);
    return;
  }
  const auto datapath = denying(NODE_DENY_ICMP);
  datapath->set_prefix("0.0.0.0", 0, kDeniedClass, kRemoteIdentity);
  datapath->set_prefix("::", 0, kDeniedClass, kRemoteIdentity);
  datapath->set_config(NODE_DENY_ICMP | NODE_HAS_PREFIXES4 | NODE_HAS_PREFIXES6);
  std::vector<const char*> sources{"0.0.0.0",   "0.1.2.3",   "127.0.0.1",
                                   "224.0.0.1", "240.0.0.1", "255.255.255.255"};
  if (!is_v4()) sources = {"::", "::1", "ff02::1"};
  for (const char* source : sources) {
    const Bytes from = frame(Udp{}, [source](Layer& header) { set(header, source, nullptr); });
    expect_drop(*datapath, hook(), from, DROP_POLICY_DENY, source);
  }
  const Bytes from_one = frame(
      Udp{}, [](Layer& header) { set(header, is_v4() ? "198.51.100.7" : "2001:db8::7", nullptr); });
  EXPECT_EQ(run_marked(*datapath, hook(), from_one).action, kRedirected);
}

// The answer would come from an address that from_endpoint lets nobody use.
TEST_P(NoAnswer, ForSomebodyElse) {
  const auto datapath = denying(NODE_DENY_RESET);
  const Bytes to_other =
      frame(Tcp{}, [](Layer& header) { set(header, nullptr, is_v4() ? "10.0.0.99" : "fd00::99"); });
  if (hook() == Hook::ToEndpoint)
    expect_drop(*datapath, hook(), to_other, DROP_POLICY_DENY);
  else
    EXPECT_EQ(run_marked(*datapath, hook(), to_other).action, kRedirected);
}

TEST_P(NoAnswer, FromAnEmptyBucket) {
  const auto datapath = denying(NODE_DENY_RESET);
  const Bytes frame = tcp(GetParam(), kSyn);
  // Full again in an hour: nothing is left.
  std::uint64_t full_ns = coarse_now() + 3'600'000 * kMillisecond;
  set_bucket(*datapath, full_ns);
  expect_drop(*datapath, hook(), frame, DROP_POLICY_DENY);
  EXPECT_EQ(bucket(*datapath), full_ns);
  // 90 of 100 are taken; one more is a thousandth of a second more.
  full_ns = coarse_now() + 90 * kMillisecond;
  set_bucket(*datapath, full_ns);
  EXPECT_EQ(run_marked(*datapath, hook(), frame).action, kRedirected);
  EXPECT_GE(bucket(*datapath), full_ns + kMillisecond);
  // It does not fill up beyond its size: a long rest is worth no more than a full bucket.
  set_bucket(*datapath, 0);
  EXPECT_EQ(run_marked(*datapath, hook(), frame).action, kRedirected);
  EXPECT_GE(bucket(*datapath), full_ns - 90 * kMillisecond + kMillisecond);
}

// An answer meets the other program of the endpoint.
class AnswerPasses : public EachWay {
 protected:
  void SetUp() override { datapath_ = denying(NODE_DENY_RESET); }
  [[nodiscard]] static Hook hook() { return GetParam().hook; }
  [[nodiscard]] Answered denied(const Layer& transport) const {
    Answered result = run_marked(*datapath_, hook(), packet(GetParam(), transport));
    EXPECT_EQ(result.action, kRedirected);
    static_cast<void>(datapath_->drain_events());
    return result;
  }
  void expect_passes(const Answered& answer) {
    const auto before = datapath_->forwarded(direction(opposite(hook())));
    const Answered passed = run_marked(*datapath_, opposite(hook()), answer.frame, answer.mark);
    EXPECT_EQ(passed.action, static_cast<std::uint32_t>(POLICYC_PASS));
    EXPECT_EQ(passed.mark, POLICYC_ANSWERED_MARK) << "for devices alone";
    EXPECT_EQ(passed.frame, answer.frame);
    EXPECT_TRUE(datapath_->drain_events().empty());
    EXPECT_EQ(datapath_->forwarded(direction(opposite(hook()))).packets, before.packets + 1);
  }

  std::unique_ptr<Datapath> datapath_;
};
INSTANTIATE_TEST_SUITE_P(Ways, AnswerPasses, every_way(), way_name);

TEST_P(AnswerPasses, UnaskedAndUntracked) {
  for (const Layer& layer : std::initializer_list<Layer>{Tcp{}, Tcp{.flags = kAck}, Udp{}})
    expect_passes(denied(layer));
  EXPECT_EQ(datapath_->connections(), 0U);
}

TEST_P(AnswerPasses, NotWithoutTheMark) {
  for (const Layer& layer : std::initializer_list<Layer>{Tcp{}, Udp{}}) {
    const Answered answer = denied(layer);
    expect_drop(*datapath_, opposite(hook()), answer.frame, DROP_POLICY_DENY);
    EXPECT_EQ(run_marked(*datapath_, opposite(hook()), answer.frame, answer.mark + 1).action,
              static_cast<std::uint32_t>(POLICYC_DROP));
  }
}

TEST_P(AnswerPasses, TheMarkOpensNothingElse) {
  const std::uint32_t mark = denied(Tcp{}).mark;
  datapath_->set_config(0);
  const Way way = back(GetParam());
  const auto refused = [&](const Bytes& frame, policyc_drop_reason reason) {
    EXPECT_EQ(run_marked(*datapath_, way.hook, frame, mark).action,
              static_cast<std::uint32_t>(POLICYC_DROP));
    const auto events = datapath_->drain_events();
    ASSERT_EQ(events.size(), 1U);
    EXPECT_EQ(events[0].reason, reason);
  };
  for (const int flags : {int{kSyn}, int{kAck}, int{kFin}, kSyn | kAck})
    refused(tcp(way, static_cast<std::uint8_t>(flags)), DROP_POLICY_DENY);
  refused(packet(way, Udp{}), DROP_POLICY_DENY);
  const bool is_v4 = way.family == 4;
  const std::uint8_t type = is_v4 ? 3 : 1;
  // Host unreachable; address unreachable.
  refused(packet(way, Icmp{.type = type, .code = static_cast<std::uint8_t>(is_v4 ? 1 : 3)}),
          DROP_POLICY_DENY);
  refused(packet(way, Icmp{.type = static_cast<std::uint8_t>(is_v4 ? 8 : 128)}), DROP_POLICY_DENY);
  // Not even a reset from an address that is not the endpoint's.
  if (way.hook == Hook::FromEndpoint) {
    const Layer header = is_v4 ? Layer(Ipv4{.source = "10.0.0.66", .destination = kRemote4})
                               : Layer(Ipv6{.source = "fd00::66", .destination = kRemote6});
    refused(build({Eth{}, header, Tcp{.flags = kRst}}), DROP_INVALID_SOURCE_ADDRESS);
  }
}

// The policy cuts a connection: both sides are told.
TEST_P(AnswerPasses, ConnectionsThatPolicyCut) {
  for (const std::uint32_t flags : kAnswering) {
    const auto port = static_cast<std::uint16_t>(1000 + flags);
    datapath_->set_peer(kRemote4, kAllowedClass);
    datapath_->set_peer(kRemote6, kAllowedClass);
    datapath_->set_config(flags, 2 * flags);
    expect_pass(*datapath_, hook(), tcp(GetParam(), kSyn, port));
    datapath_->set_peer(kRemote4, kDeniedClass);
    datapath_->set_peer(kRemote6, kDeniedClass);
    datapath_->set_config(flags, 2 * flags + 1);
    const Answered answer = run_marked(*datapath_, hook(), tcp(GetParam(), kAck, port));
    EXPECT_EQ(answer.action, kRedirected);
    static_cast<void>(datapath_->drain_events());
    expect_passes(answer);
    // A reply that is on its way all the same.
    const Way other = back(GetParam());
    const Answered reply = run_marked(*datapath_, other.hook, tcp(other, kAck, 80, port));
    EXPECT_EQ(reply.action, kRedirected);
    static_cast<void>(datapath_->drain_events());
    const Answered passed = run_marked(*datapath_, hook(), reply.frame, reply.mark);
    EXPECT_EQ(passed.action, static_cast<std::uint32_t>(POLICYC_PASS));
    EXPECT_EQ(passed.mark, POLICYC_ANSWERED_MARK);
    EXPECT_TRUE(datapath_->drain_events().empty());
  }
}

}  // namespace
}  // namespace policyc::kernel_test
