#include <gtest/gtest.h>

#include "tests/kernel/flow.h"

namespace policyc::kernel_test {
namespace {

class Fragments : public EachWay {
 protected:
  // A fragment of datagram `id` at `offset` bytes.
  static Bytes fragment(std::uint16_t id, std::uint16_t offset, bool more, const Layer& content) {
    if (GetParam().family == 4) {
      Ipv4 header = std::get<Ipv4>(ip(GetParam()));
      header.id = id;
      header.fragment_offset = offset;
      header.more_fragments = more;
      return build({Eth{}, header, content, Payload{.size = 32}});
    }
    return build({Eth{}, ip(GetParam()), Fragment6{.id = id, .offset = offset, .more = more},
                  content, Payload{.size = 32}});
  }
  [[nodiscard]] static Hook hook() { return GetParam().hook; }
  static constexpr bool kMore = true;
};
INSTANTIATE_TEST_SUITE_P(Ways, Fragments, every_way(), way_name);

TEST_P(Fragments, LaterOnesShareTheFirstOnesPorts) {
  const auto datapath = Datapath::ready(Policy::Matrix);
  expect_pass(*datapath, hook(), fragment(1, 0, kMore, Udp{.destination_port = 53}));
  expect_pass(*datapath, hook(), fragment(1, 40, kMore, Payload{.size = 8, .protocol = kUdp}));
  expect_pass(*datapath, hook(), fragment(1, 80, false, Payload{.size = 8, .protocol = kUdp}));
  EXPECT_EQ(datapath->connections(), 1U);

  expect_drop(*datapath, hook(), fragment(2, 0, kMore, Udp{.destination_port = 54}),
              DROP_POLICY_DEFAULT_DENY);
  const event later =
      expect_drop(*datapath, hook(), fragment(2, 40, false, Payload{.size = 8, .protocol = kUdp}),
                  DROP_POLICY_DEFAULT_DENY, "decided like its first");
  EXPECT_EQ(later.destination_port, __builtin_bswap16(54));
}

TEST_P(Fragments, LaterOnesWithoutAFirstAreDropped) {
  const auto datapath = Datapath::ready(Policy::AllowAll);
  const Layer content = Payload{.size = 8, .protocol = kUdp};
  expect_drop(*datapath, hook(), fragment(9, 40, false, content), DROP_FRAGMENT_WITHOUT_FIRST);
  expect_pass(*datapath, hook(), fragment(10, 0, kMore, Udp{}));
  expect_drop(*datapath, hook(), fragment(9, 40, false, content), DROP_FRAGMENT_WITHOUT_FIRST,
              "of another datagram");
  expect_drop(*datapath, hook(), fragment(10, 40, false, Payload{.size = 8, .protocol = kTcp}),
              DROP_FRAGMENT_WITHOUT_FIRST, "of another protocol");
}

TEST_P(Fragments, IcmpIsNotFragmented) {
  const auto datapath = Datapath::ready(Policy::AllowAll);
  const Icmp echo{.type = static_cast<std::uint8_t>(GetParam().family == 4 ? 8 : 128)};
  expect_drop(*datapath, hook(), fragment(1, 0, kMore, echo), DROP_FRAGMENTED_ICMP);
  expect_drop(*datapath, hook(), fragment(1, 40, false, echo), DROP_FRAGMENTED_ICMP);
  const Icmp solicitation{.type = 135};
  if (GetParam().family == 6) {
    expect_drop(*datapath, hook(), fragment(1, 0, kMore, solicitation), DROP_FRAGMENTED_ICMP,
                "neighbour discovery");
  }
}

TEST_P(Fragments, TheFirstHoldsTheWholeTransportHeader) {
  const auto datapath = Datapath::ready(Policy::AllowAll);
  Bytes tiny = fragment(1, 0, kMore, Tcp{});
  const std::size_t keep = tiny.size() - 32 - 4;  // without payload and the header's end
  const auto lost = static_cast<std::uint8_t>(tiny.size() - keep);
  tiny.resize(keep);
  const std::size_t length = GetParam().family == 4 ? 14 + 3 : 14 + 5;
  tiny[length] = static_cast<std::uint8_t>(tiny[length] - lost);
  expect_drop(*datapath, hook(), tiny, DROP_TRUNCATED);
}

TEST_P(Fragments, NoneMayWriteOverTheTransportHeader) {
  const auto datapath = Datapath::ready(Policy::AllowAll);
  expect_pass(*datapath, hook(), fragment(1, 0, kMore, Tcp{}));
  for (const std::uint16_t offset : std::initializer_list<std::uint16_t>{8, 16}) {
    expect_drop(*datapath, hook(), fragment(1, offset, false, Payload{.size = 8, .protocol = kTcp}),
                DROP_MALFORMED);
  }
  expect_pass(*datapath, hook(), fragment(1, 24, false, Payload{.size = 8, .protocol = kTcp}));
}

TEST_P(Fragments, OtherProtocolsHaveNoPortsToShare) {
  const auto datapath = Datapath::ready(Policy::Matrix);
  datapath->set_config(NODE_EXTENDED_PROTOCOLS);
  expect_pass(*datapath, hook(), fragment(1, 40, false, Payload{.size = 8, .protocol = 112}));
}

// Offset 0 and no more to come: the packet is whole.
TEST(AtomicFragment, IsNoFragment) {
  const auto datapath = Datapath::ready(Policy::Matrix);
  const Way way{Hook::FromEndpoint, 6};
  expect_pass(*datapath, way.hook,
              build({Eth{}, ip(way), Fragment6{}, Icmp{.type = 128}, Payload{.size = 8}}));
  expect_pass(*datapath, way.hook,
              build({Eth{}, ip(way), Fragment6{.id = 5}, Udp{}, Payload{.size = 8}}));
  expect_drop(*datapath, way.hook,
              build({Eth{}, ip(way), Fragment6{.id = 5, .offset = 40},
                     Payload{.size = 8, .protocol = kUdp}}),
              DROP_FRAGMENT_WITHOUT_FIRST, "it left no ports");
}

}  // namespace
}  // namespace policyc::kernel_test
