// The reference itself, so that it and the datapath cannot be wrong together unnoticed.
#include "tests/reference/parse.h"

#include <gtest/gtest.h>

#include "tests/kernel/packet.h"

namespace policyc::reference {
namespace {

using namespace kernel_test;

constexpr const char* kA4 = "192.0.2.1";
constexpr const char* kB4 = "198.51.100.2";
constexpr const char* kA6 = "2001:db8::1";
constexpr const char* kB6 = "2001:db8::2";

Layer ip(int family) {
  if (family == 4) return Ipv4{.source = kA4, .destination = kB4};
  return Ipv6{.source = kA6, .destination = kB6};
}

policyc_drop_reason refused(const std::vector<Layer>& layers, bool gso = false) {
  return parse(build(layers), {.gso = gso}).refused;
}

// Written by hand: VLAN 5, an IPv4 header of 24 bytes, UDP 4660 -> 22136, two bytes, six of
// padding.
TEST(Parse, AFrameFromBytes) {
  const kernel_test::Bytes frame{
      2,    0,    0,    0,    0,    1,    2,    0,    0,    0,    0, 2,  // stations
      0x81, 0x00, 0x00, 0x05, 0x08, 0x00,                                // tag, type
      0x46, 0x00, 0x00, 0x22, 0x00, 0x07, 0x40, 0x00, 0x40, 0x11, 0, 0,  // to checksum
      10,   1,    2,    3,    10,   4,    5,    6,    1,    1,    1, 0,  // options
      0x12, 0x34, 0x56, 0x78, 0x00, 0x0a, 0x00, 0x00, 'h',  'i',  0, 0, 0, 0, 0, 0};
  const Parsed parsed = parse(frame);
  EXPECT_EQ(parsed.refused, DROP_NONE);
  EXPECT_EQ(parsed.kind, Kind::Ports);
  EXPECT_EQ(parsed.protocol, 17);
  EXPECT_EQ(parsed.source, Address::of("10.1.2.3"));
  EXPECT_EQ(parsed.destination, Address::of("10.4.5.6"));
  EXPECT_EQ(parsed.source_port, 0x1234);
  EXPECT_EQ(parsed.destination_port, 0x5678);
  EXPECT_EQ(parsed.part, Part::Whole);
}

TEST(Parse, Kinds) {
  const auto kind = [](int family, int type) {
    std::vector<Layer> layers{Eth{}, ip(family), Icmp{.type = static_cast<std::uint8_t>(type)}};
    if (auto* v6 = std::get_if<Ipv6>(&layers[1])) v6->hop_limit = 255;
    return parse(build(layers)).kind;
  };
  EXPECT_EQ(parse(build({Eth{}, Arp{}})).kind, Kind::Arp);
  for (const int type : {3, 11, 12}) EXPECT_EQ(kind(4, type), Kind::IcmpError);
  for (const int type : {1, 2, 3, 4}) EXPECT_EQ(kind(6, type), Kind::IcmpError);
  for (const int type : {133, 134, 135, 136, 137})
    EXPECT_EQ(kind(6, type), Kind::NeighbourDiscovery);
  for (const int type : {1, 4, 5, 13, 128, 135}) EXPECT_EQ(kind(4, type), Kind::OtherIcmp);
  for (const int type : {0, 5, 8, 130, 132, 138}) EXPECT_EQ(kind(6, type), Kind::OtherIcmp);
  EXPECT_EQ(kind(4, 8), Kind::EchoRequest);
  EXPECT_EQ(kind(4, 0), Kind::EchoReply);
  EXPECT_EQ(kind(6, 128), Kind::EchoRequest);
  EXPECT_EQ(kind(6, 129), Kind::EchoReply);
  for (const int family : {4, 6})
    EXPECT_EQ(parse(build({Eth{}, ip(family), Payload{.protocol = 50}})).kind, Kind::OtherProtocol);
}

TEST(Parse, Refusals) {
  for (const int family : {4, 6}) {
    EXPECT_EQ(refused({Eth{}, Vlan{}, Vlan{}, Vlan{}, ip(family), Tcp{}}), DROP_UNKNOWN_ETHERTYPE);
    EXPECT_EQ(refused({Eth{.ethertype = 0x88cc}, ip(family)}), DROP_UNKNOWN_ETHERTYPE);
    EXPECT_EQ(refused({Eth{}, ip(family), Tcp{.data_offset = 4}}), DROP_MALFORMED);
    for (const auto& [protocol, size] : {std::pair<std::uint8_t, std::size_t>{6, 20},
                                         {17, 8},
                                         {132, 12},
                                         {family == 4 ? 1 : 58, 8}}) {
      const auto layers = [&, protocol = protocol](std::size_t bytes) {
        return std::vector<Layer>{Eth{}, ip(family), Payload{.size = bytes, .protocol = protocol}};
      };
      EXPECT_EQ(refused(layers(size)), DROP_NONE) << int{protocol};
      EXPECT_EQ(refused(layers(size - 1)), DROP_TRUNCATED) << int{protocol};
    }
    EXPECT_EQ(
        refused({Eth{}, ip(family),
                 Payload{.size = 8, .protocol = static_cast<std::uint8_t>(family == 4 ? 58 : 1)}}),
        DROP_UNKNOWN_PROTOCOL);
  }
  EXPECT_EQ(refused({Eth{}, ip(6), Icmp{.type = 135}}), DROP_MALFORMED) << "hop limit 64";
  EXPECT_EQ(refused({Eth{}, ip(6), Extension{.kind = kRouting, .segments_left = 1}, Tcp{}}),
            DROP_MALFORMED);
  EXPECT_EQ(refused({Eth{}, ip(6), Fragment6{.more = true}, Fragment6{}, Udp{}}), DROP_MALFORMED);
  EXPECT_EQ(parse(kernel_test::Bytes(13)).refused, DROP_TRUNCATED);
}

TEST(Parse, NeighbourDiscoveryHasALeastLength) {
  for (const auto& [type, least] :
       {std::pair{133, 8}, {134, 16}, {135, 24}, {136, 24}, {137, 40}}) {
    const auto message = [type = static_cast<std::uint8_t>(type)](int size) {
      return std::vector<Layer>{Eth{}, Ipv6{.source = kA6, .destination = kB6, .hop_limit = 255},
                                Icmp{.type = type},
                                Payload{.size = static_cast<std::size_t>(size - 8)}};
    };
    EXPECT_EQ(refused(message(least)), DROP_NONE) << type;
    if (least > 8) {
      EXPECT_EQ(refused(message(least - 1)), DROP_TRUNCATED) << type;
    }
  }
}

TEST(Parse, OptionsThatRouteAreRefused) {
  const auto with = [](kernel_test::Bytes options) {
    return refused(
        {Eth{}, Ipv4{.source = kA4, .destination = kB4, .options = std::move(options)}, Udp{}});
  };
  EXPECT_EQ(with({1, 1, 1, 0}), DROP_NONE);
  EXPECT_EQ(with({7, 4, 4, 0}), DROP_NONE) << "record route, full";
  EXPECT_EQ(with({148, 4, 0, 0}), DROP_NONE) << "router alert";
  EXPECT_EQ(with({0, 131, 3, 4}), DROP_NONE) << "behind the end there is none";
  for (const std::uint8_t route : std::initializer_list<std::uint8_t>{131, 137}) {
    EXPECT_EQ(with({route, 3, 4, 0}), DROP_MALFORMED);
    EXPECT_EQ(with({1, 148, 4, 0, 0, route, 3, 4}), DROP_MALFORMED);
    EXPECT_EQ(with({1, 1, 1, route}), DROP_MALFORMED);
  }
  EXPECT_EQ(with({7, 1, 0, 0}), DROP_MALFORMED) << "shorter than itself";
  EXPECT_EQ(with({7, 0, 0, 0}), DROP_MALFORMED);
  EXPECT_EQ(with({7, 5, 4, 0}), DROP_MALFORMED) << "longer than the header";
  EXPECT_EQ(with({1, 1, 1, 7}), DROP_MALFORMED) << "without a length";
}

TEST(Parse, ExtensionHeadersAreSkippedUpToSix) {
  std::vector<Layer> layers{Eth{}, ip(6), Extension{.kind = kAuthentication, .extra = 1}};
  for (int count = 0; count < 5; ++count)
    layers.insert(layers.begin() + 2, Extension{.extra = static_cast<std::uint8_t>(count)});
  layers.emplace_back(Sctp{});
  const Parsed six = parse(build(layers));
  EXPECT_EQ(six.refused, DROP_NONE);
  EXPECT_EQ(six.destination_port, 3868);
  layers.insert(layers.begin() + 2, Extension{});
  EXPECT_EQ(refused(layers), DROP_TOO_MANY_EXTENSION_HEADERS);
}

TEST(Parse, Lengths) {
  const auto v4 = [](std::uint16_t length) {
    return std::vector<Layer>{
        Eth{}, Ipv4{.source = kA4, .destination = kB4, .total_length = length}, Udp{}};
  };
  const auto v6 = [](std::uint16_t length) {
    return std::vector<Layer>{
        Eth{}, Ipv6{.source = kA6, .destination = kB6, .payload_length = length}, Udp{}};
  };
  EXPECT_EQ(refused(v4(28)), DROP_NONE);
  EXPECT_EQ(refused(v4(29)), DROP_TRUNCATED);
  EXPECT_EQ(refused(v4(27)), DROP_TRUNCATED);
  EXPECT_EQ(refused(v4(19)), DROP_MALFORMED);
  EXPECT_EQ(refused(v6(8)), DROP_NONE);
  EXPECT_EQ(refused(v6(9)), DROP_TRUNCATED);
  EXPECT_EQ(refused(v6(7)), DROP_TRUNCATED);
  for (const bool gso : {false, true}) {
    EXPECT_EQ(refused(v4(0), gso), gso ? DROP_NONE : DROP_MALFORMED);
    EXPECT_EQ(refused(v6(0), gso), gso ? DROP_NONE : DROP_MALFORMED);
    EXPECT_EQ(refused(v4(29), gso), DROP_TRUNCATED);
  }
}

TEST(Parse, Fragments) {
  const auto v4 = [](std::uint16_t offset, bool more, const Layer& content) {
    return parse(build({Eth{},
                        Ipv4{.source = kA4,
                             .destination = kB4,
                             .id = 513,
                             .fragment_offset = offset,
                             .more_fragments = more},
                        content, Payload{.size = 8}}));
  };
  const auto v6 = [](std::uint16_t offset, bool more, const Layer& content) {
    return parse(build({Eth{}, ip(6), Fragment6{.id = 70000, .offset = offset, .more = more},
                        content, Payload{.size = 8}}));
  };
  for (const auto& [first, later, id] :
       {std::tuple{v4(0, true, Udp{}), v4(8, false, Udp{}), 513U},
        std::tuple{v6(0, true, Udp{}), v6(8, false, Udp{}), 70000U}}) {
    EXPECT_EQ(first.part, Part::FirstFragment);
    EXPECT_EQ(first.destination_port, 53);
    EXPECT_EQ(later.part, Part::LaterFragment);
    EXPECT_EQ(later.destination_port, 0);
    EXPECT_EQ(first.fragment_id, id);
    EXPECT_EQ(later.fragment_id, id);
  }
  const kernel_test::Bytes behind =
      build({Eth{}, ip(6), Fragment6{.more = true}, Extension{}, Tcp{}});
  EXPECT_EQ(parse(behind).refused, DROP_MALFORMED);
  EXPECT_EQ(parse(behind, {.extensions_in_fragments = true}).destination_port, 80);
  EXPECT_EQ(refused({Eth{}, ip(6), Extension{}, Fragment6{.more = true}, Tcp{}}), DROP_NONE);
  EXPECT_EQ(v6(0, false, Udp{}).part, Part::Whole) << "RFC 6946";
  EXPECT_EQ(v4(16, false, Tcp{}).refused, DROP_MALFORMED);
  EXPECT_EQ(v4(24, false, Tcp{}).refused, DROP_NONE);
  EXPECT_EQ(v6(16, false, Tcp{}).refused, DROP_MALFORMED);
  EXPECT_EQ(v4(0, true, Icmp{}).refused, DROP_FRAGMENTED_ICMP);
  EXPECT_EQ(v6(0, true, Icmp{.type = 128}).refused, DROP_FRAGMENTED_ICMP);
}

TEST(Parse, QuotesEndWithTheirPacket) {
  kernel_test::Bytes frame = build({Eth{}, ip(4), Icmp{.type = 3}, ip(4), Tcp{}});
  const Parsed whole = parse(frame);
  ASSERT_EQ(whole.quote.size(), 40U);
  EXPECT_EQ(parse_quote(whole.quote, 4)->destination_port, 80);
  EXPECT_TRUE(parse_quote(whole.quote.first(28), 4)) << "eight bytes are enough";
  EXPECT_FALSE(parse_quote(whole.quote.first(27), 4));
  EXPECT_FALSE(parse_quote(whole.quote, 6));
  frame[14 + 3] = 28;
  const Parsed padded = parse(frame);
  EXPECT_TRUE(padded.quote.empty());
  EXPECT_EQ(padded.trailer.size(), 40U);
}

}  // namespace
}  // namespace policyc::reference
