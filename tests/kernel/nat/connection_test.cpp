// How translated connections live: pairs, lifetimes, backends that go.
#include <cstring>

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "tests/kernel/nat/devices.h"

namespace policyc::kernel_test {
namespace {

class NatConnection : public DeviceTest {
 protected:
  void SetUp() override {
    DeviceTest::SetUp();
    node().set_frontend(FRONTEND_NODE_PORT, {{.end = kBackend}, {.end = kSecondBackend}});
    only(1);
  }
  // New connections get this backend.
  static void only(std::uint32_t number) {
    for (const std::uint32_t v6 : {0U, 1U}) {
      node().put("slots", 100 * v6, number + 100 * v6);
      node().put("services", Devices::kService + v6, service_value{.slots = 100 * v6, .count = 1});
    }
  }
  static Passed send(std::uint8_t protocol, std::uint8_t flags) {
    return node().in(Device::Front, protocol == kTcp ? tcp_of(family(), kClient, kFrontend, flags)
                                                     : udp_of(family(), kClient, kFrontend));
  }
  static Passed reply(std::uint8_t flags, const End& from = kBackend) {
    return node().in(Device::Back, tcp_of(family(), from, node_end_, flags));
  }
  // Sends the first packet.
  static void begin(std::uint8_t protocol = kTcp) {
    const Passed sent = send(protocol, kSyn);
    ASSERT_EQ(sent.action, kRedirect);
    node_end_ = kNodeBack.at(ends_of(sent.frame).source.port);
  }
  static void establish() {
    begin();
    ASSERT_EQ(reply(kSyn | kAck).action, kRedirect);
    ASSERT_EQ(send(kTcp, kAck).action, kRedirect);
  }
  static std::optional<nat_state> there(std::uint8_t protocol = kTcp) {
    return node().element(family(), protocol, kClient, kFrontend);
  }
  static std::optional<nat_state> back(std::uint8_t protocol = kTcp) {
    return node().element(family(), protocol, kBackend, node_end_);
  }
  // Seconds that both elements have left, rounded up; -1 if they differ or one is missing.
  static int lifetime(std::uint8_t protocol = kTcp) {
    const auto a = there(protocol), b = back(protocol);
    if (!a || !b || a->expires != b->expires) return -1;
    const std::uint64_t ticks = a->expires - node().now();
    return static_cast<int>((ticks + ticks_per_second() - 1) / ticks_per_second());
  }
  // As if both elements had been looked after a second ago.
  static void age() {
    for (const auto& [source, destination] :
         {std::pair(kClient, kFrontend), std::pair(kBackend, node_end_)}) {
      if (!node().element(family(), kTcp, source, destination)) continue;
      node().edit(family(), kTcp, source, destination, [](nat_state& state) {
        state.refreshed -= static_cast<std::uint32_t>(ticks_per_second()) + 1;
      });
    }
  }
  static void expire(const End& source, const End& destination, std::uint64_t ago) {
    const std::uint64_t now = node().now();
    node().edit(family(), kTcp, source, destination,
                [&](nat_state& state) { state.expires = now - ago; });
  }
  inline static End node_end_;
};
INSTANTIATE_TEST_SUITE_P(Families, NatConnection, testing::Values(4, 6),
                         testing::PrintToStringParamName());

TEST_P(NatConnection, LifetimesAreThoseOfConntrack) {
  begin();
  EXPECT_EQ(lifetime(), 60);
  ASSERT_EQ(reply(kSyn | kAck).action, kRedirect);
  EXPECT_EQ(lifetime(), 8000);
  ASSERT_EQ(send(kTcp, kFin | kAck).action, kRedirect);
  EXPECT_EQ(lifetime(), 8000);
  ASSERT_EQ(reply(kFin | kAck).action, kRedirect);
  EXPECT_EQ(lifetime(), 10);
  // What still arrives does not prolong it.
  age();
  ASSERT_EQ(send(kTcp, kAck).action, kRedirect);
  EXPECT_LE(lifetime(), 10);
}

TEST_P(NatConnection, AResetEndsItInBothDirections) {
  establish();
  ASSERT_EQ(reply(kRst).action, kRedirect);
  EXPECT_EQ(lifetime(), 10);
}

TEST_P(NatConnection, UdpLivesAMinute) {
  begin(kUdp);
  EXPECT_EQ(lifetime(kUdp), 60);
}

TEST_P(NatConnection, EitherDirectionRenewsBoth) {
  for (const bool from_client : {true, false}) {
    establish();
    const std::uint64_t now = node().now();
    for (const auto& [source, destination] :
         {std::pair(kClient, kFrontend), std::pair(kBackend, node_end_)}) {
      node().edit(family(), kTcp, source, destination,
                  [&](nat_state& state) { state.expires = now + 5 * ticks_per_second(); });
    }
    // Not before a second is over.
    ASSERT_EQ(send(kTcp, kAck).action, kRedirect);
    EXPECT_LE(lifetime(), 5);
    age();
    ASSERT_EQ((from_client ? send(kTcp, kAck) : reply(kAck)).action, kRedirect);
    EXPECT_EQ(lifetime(), 8000);
    node().reset();
    NatConnection::SetUp();
  }
}

TEST_P(NatConnection, AMissingElementIsMadeAgain) {
  establish();
  node().erase(family(), kTcp, kBackend, node_end_);
  age();
  ASSERT_EQ(send(kTcp, kAck).action, kRedirect);
  const Passed answer = reply(kAck);
  EXPECT_EQ(ends_of(answer.frame).source, seen(kFrontend));
  EXPECT_EQ(ends_of(answer.frame).destination, seen(kClient));

  node().erase(family(), kTcp, kClient, kFrontend);
  age();
  ASSERT_EQ(reply(kAck).action, kRedirect);
  const Passed sent = send(kTcp, kAck);
  EXPECT_EQ(ends_of(sent.frame).source, seen(node_end_));
  ASSERT_TRUE(there());
  EXPECT_EQ(there()->flags & NAT_ORIGINAL, NAT_ORIGINAL);
  EXPECT_EQ(back()->flags & NAT_ORIGINAL, 0);
  EXPECT_EQ(lifetime(), 8000);
}

TEST_P(NatConnection, WhoLostItsPlaceEnds) {
  establish();
  // Another client's connection gets the port of this one.
  node().erase(family(), kTcp, kBackend, node_end_);
  const Passed other =
      node().in(Device::Front, tcp_of(family(), kOtherClient.at(node_end_.port), kFrontend, kSyn));
  ASSERT_EQ(ends_of(other.frame).source, seen(node_end_));
  age();
  expect_drop(send(kTcp, kAck), DROP_NAT_NO_PORT);
  // Its next packet begins anew, and the other one's are still its own.
  const Passed sent = send(kTcp, kAck);
  EXPECT_EQ(sent.action, kRedirect);
  EXPECT_NE(ends_of(sent.frame).source, seen(node_end_));
  const Passed answer = reply(kSyn | kAck);
  EXPECT_EQ(ends_of(answer.frame).destination, seen(kOtherClient.at(node_end_.port)));
}

TEST_P(NatConnection, WhoBeginsAgainLeavesTheNextOwnerOfItsPortAlone) {
  establish();
  ASSERT_EQ(reply(kRst).action, kRedirect);
  device_value device = Devices::device_of(Device::Back, DEVICE_SERVICES);
  device.port_first = device.port_last = node_end_.port;
  node().set_device(Device::Back, device);
  expire(kBackend, node_end_, 1);
  const Passed other = node().in(Device::Front, tcp_of(family(), kOtherClient, kFrontend, kSyn));
  ASSERT_EQ(ends_of(other.frame).source, seen(node_end_));
  expect_drop(send(kTcp, kSyn), DROP_NAT_NO_PORT);
  expect_drop(send(kTcp, kAck), DROP_NAT_NO_PORT);
  EXPECT_EQ(ends_of(reply(kSyn | kAck).frame).destination, seen(kOtherClient));
}

TEST_P(NatConnection, AnExpiredElementIsAbsentAndReplaced) {
  begin();
  expire(kClient, kFrontend, 1);
  expire(kBackend, node_end_, 1);
  EXPECT_EQ(reply(kAck).action, kPass) << "nobody's packet";
  only(2);
  const Passed sent = send(kTcp, kSyn);
  EXPECT_EQ(ends_of(sent.frame).destination, seen(kSecondBackend));
}

TEST_P(NatConnection, ABackendThatIsGoneEndsTcpAndChangesUdp) {
  establish();
  node().set_backend(1, family(), {.end = kBackend, .state = BACKEND_FREE});
  only(2);
  expect_drop(send(kTcp, kAck), DROP_SERVICE_BACKEND_GONE);
  const Passed again = send(kTcp, kSyn);
  EXPECT_EQ(again.action, kRedirect);
  EXPECT_EQ(ends_of(again.frame).destination, seen(kSecondBackend));
  EXPECT_EQ(wrong_checksum(again.frame), "");
  // What the old one still sends is nobody's.
  EXPECT_EQ(reply(kAck).action, kPass);
}

TEST_P(NatConnection, UdpGoesToAnotherBackend) {
  begin(kUdp);
  node().set_backend(1, family(), {.end = kBackend}, 2);  // the number is another backend's now
  only(2);
  EXPECT_EQ(ends_of(send(kUdp, 0).frame).destination, seen(kSecondBackend));
  EXPECT_EQ(ends_of(send(kUdp, 0).frame).destination, seen(kSecondBackend));
}

TEST_P(NatConnection, ATerminatingBackendKeepsItsConnections) {
  establish();
  node().set_backend(1, family(), {.end = kBackend, .state = BACKEND_TERMINATING});
  only(2);
  EXPECT_EQ(ends_of(send(kTcp, kAck).frame).destination, seen(kBackend));
  EXPECT_EQ(ends_of(send(kTcp, kFin | kAck).frame).destination, seen(kBackend));
  // A new connection of the same ends goes elsewhere.
  EXPECT_EQ(ends_of(send(kTcp, kSyn).frame).destination, seen(kSecondBackend));
}

TEST_P(NatConnection, ASynThatNobodyAnsweredLeavesATerminatingBackend) {
  begin();
  node().set_backend(1, family(), {.end = kBackend, .state = BACKEND_TERMINATING});
  only(2);
  EXPECT_EQ(ends_of(send(kTcp, kSyn).frame).destination, seen(kSecondBackend));
}

TEST_P(NatConnection, AFullTableDropsAndLeavesNothing) {
  std::uint16_t port = 1024;
  Passed passed;
  for (; port < 4000; ++port) {
    passed = node().in(Device::Front, tcp_of(family(), kClient.at(port), kFrontend, kSyn));
    if (passed.action == kDrop) break;
  }
  expect_drop(passed, DROP_CONNTRACK_FULL);
  EXPECT_GE(port, 1024 + 400) << "two elements each";
  EXPECT_FALSE(node().element(family(), kTcp, kClient.at(port), kFrontend));
}

// The frame that nat_collect is run with.
template <typename Key>
Bytes collect_frame(std::uint32_t family, const std::vector<Key>& keys, std::uint32_t grace,
                    std::uint32_t unanswered) {
  const nat_collect_head head{family, static_cast<std::uint32_t>(keys.size()), grace, unanswered};
  Bytes frame(14 + sizeof head + keys.size() * sizeof(Key) + 64);
  frame[12] = 0x08;
  std::memcpy(frame.data() + 14, &head, sizeof head);
  std::memcpy(frame.data() + 14 + sizeof head, keys.data(), keys.size() * sizeof(Key));
  return frame;
}

template <typename Key>
std::vector<Key> keys_of(int map) {
  std::vector<Key> keys;
  Key key{};
  for (int error = bpf_map_get_next_key(map, nullptr, &key); error == 0;
       error = bpf_map_get_next_key(map, &key, &key))
    keys.push_back(key);
  return keys;
}

nat_collected_value collect(const Devices& node, int family, std::uint32_t unanswered = 0) {
  const auto grace = static_cast<std::uint32_t>(ticks_per_second());
  const Bytes frame =
      family == 4 ? collect_frame(4, keys_of<nat4_key>(node.map("nat4")), grace, unanswered)
                  : collect_frame(6, keys_of<nat6_key>(node.map("nat6")), grace, unanswered);
  static_cast<void>(node.run("nat_collect", Device::Front, frame));
  nat_collected_value value{};
  const std::uint32_t first = 0;
  bpf_map_lookup_elem(node.map("nat_collected"), &first, &value);
  return value;
}

TEST_P(NatConnection, TheCollectorRemovesWhatHasExpiredForTheGrace) {
  begin();
  EXPECT_EQ(collect(node(), family()).removed, 0U);
  expire(kClient, kFrontend, 1);
  expire(kBackend, node_end_, ticks_per_second() + 1);
  EXPECT_EQ(collect(node(), family()).removed, 1U);
  EXPECT_TRUE(there());
  EXPECT_FALSE(back());
  expire(kClient, kFrontend, ticks_per_second() + 1);
  EXPECT_EQ(collect(node(), family()).removed, 1U);
  EXPECT_EQ(node().elements(family()), 0U);
}

TEST_P(NatConnection, InACrowdWhatNobodyAnsweredEnds) {
  const auto limit = static_cast<std::uint32_t>(ticks_per_second());
  establish();
  age();
  // Another one, with a client that nobody has answered.
  const Passed sent = node().in(Device::Front, tcp_of(family(), kOtherClient, kFrontend, kSyn));
  const End other_end = kNodeBack.at(ends_of(sent.frame).source.port);
  EXPECT_EQ(collect(node(), family(), limit).ended, 0U) << "young";
  for (const auto& [source, destination] :
       {std::pair(kOtherClient, kFrontend), std::pair(kBackend, other_end)}) {
    node().edit(family(), kTcp, source, destination,
                [&](nat_state& state) { state.refreshed -= limit + 1; });
  }
  const nat_collected_value result = collect(node(), family(), limit);
  EXPECT_EQ(result.ended, 1U);
  EXPECT_EQ(node().in(Device::Back, tcp_of(family(), kBackend, other_end, kAck)).action, kPass)
      << "nobody's packet";
  EXPECT_EQ(result.removed, 0U) << "a CPU may have just found them";
  EXPECT_EQ(node().elements(family()), 4U);
  EXPECT_EQ(lifetime(), 8000);
}

TEST(NatPrograms, LoadForOtherMachinesToo) {
  for (const char* absent :
       {"have_store_order", "have_ipv6", "have_redirect_peer", "have_coarse_clock"}) {
    for (const char* path : {POLICYC_DEVICE_OBJECT, POLICYC_XDP_OBJECT}) {
      const std::unique_ptr<bpf_object, void (*)(bpf_object*)> object(
          bpf_object__open_file(path, nullptr), bpf_object__close);
      ASSERT_NE(object, nullptr);
      set_constant(object.get(), absent, 0);
      bpf_map* map = nullptr;
      bpf_object__for_each_map(map, object.get()) {
        if (bpf_map__max_entries(map) > 1024) bpf_map__set_max_entries(map, 1024);
      }
      EXPECT_EQ(bpf_object__load(object.get()), 0) << path << " without " << absent;
    }
  }
}

TEST(NatPrograms, TheVerifierWalksThemInBounds) {
  Devices node;
  for (const bpf_object* object : node.objects()) {
    bpf_program* program = nullptr;
    bpf_object__for_each_program(program, object) {
      bpf_prog_info info{};
      std::uint32_t size = sizeof info;
      ASSERT_EQ(bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &size), 0);
      std::printf("%s: %u instructions verified\n", bpf_program__name(program),
                  info.verified_insns);
      EXPECT_LT(info.verified_insns, 100'000U) << bpf_program__name(program);
    }
  }
}

}  // namespace
}  // namespace policyc::kernel_test
