// Denied packets that are answered, to the last byte.
#include <algorithm>
#include <random>

#include <gtest/gtest.h>

#include "tests/kernel/answers.h"

namespace policyc::kernel_test {
namespace {

std::size_t ip_size(int family) { return family == 4 ? 20 : 40; }
std::size_t limit(int family) { return family == 4 ? 576 : 1280; }

class Answer : public EachWay {
 protected:
  [[nodiscard]] static int family() { return GetParam().family; }
  [[nodiscard]] static Hook hook() { return GetParam().hook; }
  [[nodiscard]] static std::size_t transport() { return network_offset() + ip_size(family()); }

  void answers(std::uint32_t flags) { datapath_ = denying(flags); }
  // The answer, after the packet was counted and reported as dropped.
  Bytes answer(const Bytes& frame, const std::string& what = "") {
    const auto before = datapath_->metric(DROP_POLICY_DENY, direction(hook()));
    const auto passed = datapath_->forwarded(direction(hook()));
    Answered result = run_marked(*datapath_, hook(), frame);
    EXPECT_EQ(result.action, kRedirected) << what;
    EXPECT_NE(result.mark, 0U) << what;
    const auto events = datapath_->drain_events();
    EXPECT_EQ(events.size(), 1U) << what;
    if (!events.empty()) {
      EXPECT_EQ(events[0].type, EVENT_DROP);
      EXPECT_EQ(events[0].reason, DROP_POLICY_DENY);
    }
    const auto after = datapath_->metric(DROP_POLICY_DENY, direction(hook()));
    EXPECT_EQ(after.packets, before.packets + 1) << what;
    EXPECT_EQ(after.bytes, before.bytes + frame.size() - network_offset(tags_)) << what;
    EXPECT_EQ(datapath_->forwarded(direction(hook())).packets, passed.packets) << what;
    EXPECT_EQ(datapath_->connections(), 0U) << what;
    return result.frame;
  }
  // A denied segment and the reset that it gets.
  void expect_reset(Bytes frame, std::uint32_t sequence, std::uint32_t ack, std::uint32_t reset_seq,
                    std::uint32_t reset_ack, std::uint8_t reset_flags, const std::string& what) {
    set_tcp_numbers(frame, transport(), sequence, ack);
    EXPECT_EQ(answer(frame, what),
              reset(frame, family(), transport(), reset_seq, reset_ack, reset_flags))
        << what;
  }

  std::unique_ptr<Datapath> datapath_;
  std::size_t tags_ = 0;
};
INSTANTIATE_TEST_SUITE_P(Ways, Answer, every_way(), way_name);

TEST_P(Answer, ResetsFollowRfc9293) {
  answers(NODE_DENY_RESET);
  const auto segment = [](std::uint8_t flags, std::size_t data, std::uint8_t offset = 5) {
    return packet(GetParam(), Tcp{.flags = flags, .data_offset = offset}, data);
  };
  const std::uint8_t kRstAck = kRst | kAck;
  expect_reset(segment(kSyn, 0), 1000, 0, 0, 1001, kRstAck, "SYN");
  expect_reset(segment(kSyn, 0, 15), 1000, 0, 0, 1001, kRstAck, "SYN with options");
  expect_reset(segment(kSyn, 16), 1000, 0, 0, 1017, kRstAck, "SYN with data");
  expect_reset(segment(kSyn, 0), 0xffffffff, 7, 0, 0, kRstAck, "SYN before the numbers wrap");
  expect_reset(segment(kFin, 5), 1000, 7, 0, 1006, kRstAck, "FIN");
  expect_reset(segment(kSyn | kFin, 0), 1000, 7, 0, 1002, kRstAck, "SYN and FIN");
  expect_reset(segment(0, 0), 1000, 7, 0, 1000, kRstAck, "no flag at all");
  expect_reset(segment(kAck, 0), 1000, 0x89abcdef, 0x89abcdef, 0, kRst, "ACK");
  expect_reset(segment(kAck | kPsh, 1400), 1000, 7, 7, 0, kRst, "data");
  expect_reset(segment(kAck | kFin, 3, 8), 1000, 7, 7, 0, kRst, "FIN and ACK");
  expect_reset(segment(kSyn | kAck, 0), 1000, 7, 7, 0, kRst, "SYN and ACK");
}

TEST_P(Answer, AResetIsNeverAnswered) {
  for (const std::uint32_t flags : {NODE_DENY_ICMP, NODE_DENY_RESET}) {
    answers(flags);
    for (const int with : {0, 0 | kAck, 0 | kSyn, kFin | kAck}) {
      expect_drop(*datapath_, hook(), tcp(GetParam(), static_cast<std::uint8_t>(kRst | with)),
                  DROP_POLICY_DENY);
    }
  }
}

TEST_P(Answer, WhatHasNoResetGetsAnIcmpError) {
  for (const std::uint32_t flags : {NODE_DENY_ICMP, NODE_DENY_RESET}) {
    answers(flags | NODE_EXTENDED_PROTOCOLS);
    const std::uint8_t echo = family() == 4 ? 8 : 128;
    std::vector<Layer> all{Udp{}, Sctp{}, Icmp{.type = echo},
                           Icmp{.type = static_cast<std::uint8_t>(family() == 4 ? 0 : 129)},
                           Payload{.size = 1, .protocol = 112}};
    if (flags == NODE_DENY_ICMP) all.emplace_back(Tcp{});
    for (const Layer& layer : all) {
      const Bytes frame = packet(GetParam(), layer);
      EXPECT_EQ(answer(frame), unreachable(frame, family(), frame.size() - network_offset()))
          << layer.index();
    }
  }
}

TEST_P(Answer, QuotesEndWhereAnyPathCarriesThem) {
  answers(NODE_DENY_ICMP);
  const std::size_t most = limit(family()) - ip_size(family()) - 8;
  const std::size_t headers = ip_size(family()) + 8;
  for (const std::size_t payload :
       {std::size_t{0}, std::size_t{1}, std::size_t{2}, std::size_t{3}, std::size_t{470},
        most - headers - 1, most - headers, most - headers + 1, std::size_t{1400}}) {
    const Bytes frame = packet(GetParam(), Udp{}, payload);
    const std::size_t quoted = std::min(headers + payload, most);
    EXPECT_EQ(answer(frame), unreachable(frame, family(), quoted)) << payload;
  }
}

TEST_P(Answer, PaddingIsNoPartOfThePacket) {
  answers(NODE_DENY_RESET);
  for (const Layer& layer : std::initializer_list<Layer>{Udp{}, Tcp{}}) {
    Bytes frame = packet(GetParam(), layer, 0);
    const std::size_t size = frame.size() - network_offset();
    frame.resize(frame.size() + 7, 0xee);
    if (std::holds_alternative<Udp>(layer))
      EXPECT_EQ(answer(frame), unreachable(frame, family(), size));
    else
      expect_reset(frame, 10, 0, 0, 11, kRst | kAck, "padded");
  }
}

TEST_P(Answer, TagsStay) {
  answers(NODE_DENY_RESET);
  for (const std::size_t tags : {1U, 2U}) {
    tags_ = tags;
    std::vector<Layer> layers{Eth{}, Vlan{.id = 5}};
    if (tags == 2) layers = {Eth{}, Vlan{.id = 9, .tpid = 0x88a8}, Vlan{.id = 5}};
    layers.push_back(ip(GetParam()));
    const auto with = [&layers](const Layer& layer) {
      auto all = layers;
      all.push_back(layer);
      return build(all);
    };
    const Bytes datagram = with(Udp{});
    EXPECT_EQ(answer(datagram),
              unreachable(datagram, family(), datagram.size() - network_offset(tags), tags));
    const Bytes segment = with(Tcp{});
    EXPECT_EQ(answer(segment), reset(segment, family(), network_offset(tags) + ip_size(family()), 0,
                                     2, kRst | kAck, tags));
  }
}

TEST_P(Answer, LongerHeaders) {
  answers(NODE_DENY_RESET);
  std::vector<Layer> layers{Eth{}, ip(GetParam())};
  std::size_t more = 12;
  if (auto* v4 = std::get_if<Ipv4>(&layers[1])) {
    v4->options = Bytes(more, 1);
  } else {
    layers.emplace_back(Extension{.extra = 2});
    more = 24;
  }
  layers.emplace_back(Udp{});
  const Bytes datagram = build(layers);
  EXPECT_EQ(answer(datagram), unreachable(datagram, family(), datagram.size() - network_offset()));
  layers.back() = Tcp{};
  const Bytes segment = build(layers);
  EXPECT_EQ(answer(segment), reset(segment, family(), transport() + more, 0, 2, kRst | kAck));
}

// The first fragment does not tell how long its segment is, so it gets no reset.
TEST_P(Answer, FirstFragmentsGetAnIcmpErrorAndLaterOnesNothing) {
  answers(NODE_DENY_RESET);
  const auto fragment = [](std::uint16_t offset, const Layer& layer) {
    std::vector<Layer> layers{Eth{}, ip(GetParam())};
    if (auto* v4 = std::get_if<Ipv4>(&layers[1])) {
      v4->more_fragments = true;
      v4->fragment_offset = offset;
    } else {
      layers.emplace_back(Fragment6{.offset = offset, .more = true});
    }
    layers.push_back(layer);
    layers.emplace_back(Payload{.size = 64});
    return build(layers);
  };
  for (const Layer& layer : std::initializer_list<Layer>{Udp{}, Tcp{}}) {
    const Bytes first = fragment(0, layer);
    EXPECT_EQ(answer(first), unreachable(first, family(), first.size() - network_offset()));
    expect_drop(*datapath_, hook(), fragment(640, layer), DROP_POLICY_DENY);
  }
}

// Whatever a denied packet says of itself: an answer is well-formed, goes back, and is not large.
TEST_P(Answer, DamagedPacketsGetSoundAnswers) {
  std::mt19937 random(4711);
  const auto below = [&random](std::size_t limit) {
    return std::uniform_int_distribution<std::size_t>(0, limit - 1)(random);
  };
  for (const std::uint32_t flags : {NODE_DENY_ICMP, NODE_DENY_RESET}) {
    answers(flags | NODE_EXTENDED_PROTOCOLS);
    std::size_t answered = 0;
    for (int i = 0; i < 4000; ++i) {
      const Bytes whole = packet(GetParam(), i % 3 == 0 ? Layer(Udp{}) : Layer(Tcp{}),
                                 i % 5 == 0 ? 1400 : below(40));
      Bytes damaged = whole;
      for (std::size_t count = 1 + below(3); count > 0; --count) {
        // Not the addresses of the frame and the type: it is an IP packet.
        const std::size_t at = network_offset() + below(ip_size(family()) + 20);
        if (at < damaged.size()) damaged[at] = static_cast<std::uint8_t>(below(256));
      }
      set_bucket(*datapath_, 0);
      const Answered result = run_marked(*datapath_, hook(), damaged);
      ASSERT_EQ(datapath_->drain_events().size(), 1U);
      if (result.action != kRedirected) {
        ASSERT_EQ(result.action, static_cast<std::uint32_t>(POLICYC_DROP));
        continue;
      }
      ++answered;
      ASSERT_TRUE(is_sound(result.frame, family())) << testing::PrintToString(damaged);
      ASSERT_LE(result.frame.size(), network_offset() + limit(family()));
      ASSERT_LE(result.frame.size(), damaged.size() + ip_size(family()) + 8);
      ASSERT_TRUE(std::equal(damaged.begin(), damaged.begin() + 6, result.frame.begin() + 6));
      ASSERT_TRUE(std::equal(damaged.begin() + 6, damaged.begin() + 12, result.frame.begin()));
    }
    EXPECT_GT(answered, 500U);
  }
}

}  // namespace
}  // namespace policyc::kernel_test
