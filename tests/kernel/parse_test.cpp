// What the parser accepts, and that nothing else gets through.
#include <algorithm>

#include <gtest/gtest.h>

#include "tests/kernel/flow.h"

namespace policyc::kernel_test {
namespace {

class Parse : public EachWay {
 protected:
  void SetUp() override { datapath_ = Datapath::ready(Policy::Matrix); }
  [[nodiscard]] static Hook hook() { return GetParam().hook; }
  void pass(const std::vector<Layer>& layers, const char* what) {
    expect_pass(*datapath_, hook(), build(layers), what);
  }
  void drop(const std::vector<Layer>& layers, policyc_drop_reason reason, const char* what) {
    expect_drop(*datapath_, hook(), build(layers), reason, what);
  }
  std::unique_ptr<Datapath> datapath_;
};
INSTANTIATE_TEST_SUITE_P(Ways, Parse, every_way(), way_name);

TEST_P(Parse, VlanTags) {
  pass({Eth{}, Vlan{}, ip(GetParam()), Tcp{}}, "one");
  pass({Eth{}, Vlan{.tpid = 0x88a8}, Vlan{}, ip(GetParam()), Tcp{}}, "two");
  drop({Eth{}, Vlan{.tpid = 0x88a8}, Vlan{}, Vlan{}, ip(GetParam()), Tcp{}}, DROP_UNKNOWN_ETHERTYPE,
       "three");
  drop({Eth{}, Vlan{}, ip(GetParam()), Tcp{.destination_port = 81}}, DROP_POLICY_DEFAULT_DENY,
       "policy behind a tag");
}

TEST_P(Parse, Ethertypes) {
  pass({Eth{}, Arp{}}, "ARP");
  pass({Eth{}, Vlan{}, Arp{}}, "tagged ARP");
  for (const std::uint16_t type :
       std::initializer_list<std::uint16_t>{0x0000, 0x0042, 0x8847, 0x88cc, 0x8864}) {
    drop({Eth{.ethertype = type}, ip(GetParam()), Tcp{}}, DROP_UNKNOWN_ETHERTYPE, "other");
  }
  drop({Eth{.ethertype = GetParam().family == 4 ? 0x86dd : 0x0800}, ip(GetParam()), Tcp{}},
       DROP_MALFORMED, "the other IP");
}

TEST_P(Parse, PaddedFramesAreCutAtTheIpLength) {
  Bytes padded = tcp(GetParam(), kSyn);
  padded.resize(padded.size() + 20);
  expect_pass(*datapath_, hook(), padded);
  const event record =
      expect_drop(*datapath_, hook(), tcp(GetParam(), kSyn, 40000, 81), DROP_POLICY_DEFAULT_DENY);
  EXPECT_EQ(record.destination_port, __builtin_bswap16(81));
}

// Ports that lie behind the end of the IP packet are padding, not ports.
TEST_P(Parse, TransportHeadersEndWithinTheIpPacket) {
  const Icmp echo{.type = static_cast<std::uint8_t>(GetParam().family == 4 ? 8 : 128)};
  for (const Layer& transport : std::initializer_list<Layer>{Tcp{}, Udp{}, Sctp{}, echo}) {
    std::vector<Layer> layers{Eth{}, ip(GetParam()), transport};
    if (auto* v4 = std::get_if<Ipv4>(&layers[1])) v4->total_length = 24;
    if (auto* v6 = std::get_if<Ipv6>(&layers[1])) v6->payload_length = 4;
    drop(layers, DROP_TRUNCATED, "four bytes of a transport header");
  }
}

TEST_P(Parse, TcpDataOffset) {
  drop({Eth{}, ip(GetParam()), Tcp{.data_offset = 4}}, DROP_MALFORMED, "below the header");
  pass({Eth{}, ip(GetParam()), Tcp{.data_offset = 15}}, "options");
}

TEST_P(Parse, ShortTransportHeaders) {
  for (const auto& [protocol, size] : {std::pair<std::uint8_t, std::size_t>{kTcp, 19},
                                       {kUdp, 7},
                                       {kSctp, 11},
                                       {icmp_protocol(), 7},
                                       {kTcp, 0},
                                       {kUdp, 0},
                                       {icmp_protocol(), 0}}) {
    drop({Eth{}, ip(GetParam()), Payload{.size = size, .protocol = protocol}}, DROP_TRUNCATED,
         "short");
  }
}

class Parse4 : public Parse {};
INSTANTIATE_TEST_SUITE_P(Hooks, Parse4,
                         testing::Values(Way{Hook::FromEndpoint, 4}, Way{Hook::ToEndpoint, 4}),
                         way_name);

TEST_P(Parse4, Options) {
  for (const std::size_t size : {4U, 8U, 40U}) {
    Ipv4 header = std::get<Ipv4>(ip(GetParam()));
    header.options = Bytes(size, 1);
    pass({Eth{}, header, Tcp{}}, "no-operation options");
    drop({Eth{}, header, Tcp{.destination_port = 81}}, DROP_POLICY_DEFAULT_DENY,
         "ports are found behind them");
  }
}

TEST_P(Parse4, BrokenHeaders) {
  const auto broken = [&](const std::function<void(Ipv4&)>& change, policyc_drop_reason reason,
                          const char* what) {
    Ipv4 header = std::get<Ipv4>(ip(GetParam()));
    change(header);
    drop({Eth{}, header, Tcp{}, Payload{.size = 8}}, reason, what);
  };
  broken([](Ipv4& h) { h.version_length = 0x65; }, DROP_MALFORMED, "version 6");
  broken([](Ipv4& h) { h.version_length = 0x44; }, DROP_MALFORMED, "16-byte header");
  broken([](Ipv4& h) { h.version_length = 0x40; }, DROP_MALFORMED, "empty header");
  broken([](Ipv4& h) { h.total_length = 0; }, DROP_MALFORMED, "no length");
  broken([](Ipv4& h) { h.total_length = 19; }, DROP_MALFORMED, "shorter than its header");
  broken([](Ipv4& h) { h.total_length = 49; }, DROP_TRUNCATED, "one byte too long");
  broken([](Ipv4& h) { h.total_length = 0xffff; }, DROP_TRUNCATED, "far too long");
  broken([](Ipv4& h) { h.version_length = 0x4f; }, DROP_MALFORMED, "header longer than the packet");
}

class Parse6 : public Parse {
 protected:
  [[nodiscard]] static std::vector<Layer> chain(const std::vector<Extension>& extensions,
                                                const Layer& transport) {
    std::vector<Layer> layers{Eth{}, ip(GetParam())};
    layers.insert(layers.end(), extensions.begin(), extensions.end());
    layers.push_back(transport);
    return layers;
  }
};
INSTANTIATE_TEST_SUITE_P(Hooks, Parse6,
                         testing::Values(Way{Hook::FromEndpoint, 6}, Way{Hook::ToEndpoint, 6}),
                         way_name);

TEST_P(Parse6, ExtensionHeaders) {
  pass(chain({{.kind = kHopByHop}}, Tcp{}), "hop by hop");
  pass(chain({{.kind = kDestinationOptions, .extra = 3}}, Tcp{}),
       "destination options of 32 bytes");
  pass(chain({{.kind = kRouting}}, Tcp{}), "routing, arrived");
  pass(chain({{.kind = kAuthentication}, {.kind = kAuthentication, .extra = 3}}, Tcp{}),
       "authentication");
  pass(chain({{.kind = kHopByHop}, {.kind = kRouting}, {.kind = kDestinationOptions}}, Udp{}),
       "three");
  pass(chain({{.kind = kDestinationOptions, .extra = 255}}, Tcp{}), "the longest");
  drop(chain({{.kind = kHopByHop, .extra = 1}}, Tcp{.destination_port = 81}),
       DROP_POLICY_DEFAULT_DENY, "ports are found behind it");
}

TEST_P(Parse6, ChainsAreBounded) {
  pass(chain(std::vector<Extension>(6), Tcp{}), "six");
  drop(chain(std::vector<Extension>(7), Tcp{}), DROP_TOO_MANY_EXTENSION_HEADERS, "seven");
  drop(chain(std::vector<Extension>(40), Tcp{}), DROP_TOO_MANY_EXTENSION_HEADERS, "forty");
}

TEST_P(Parse6, BrokenChains) {
  drop(chain({{.kind = kRouting, .segments_left = 1}}, Tcp{}), DROP_MALFORMED, "routing elsewhere");
  std::vector<Layer> cut = chain({{.kind = kDestinationOptions, .extra = 3}}, Tcp{});
  std::get<Ipv6>(cut[1]).payload_length = 16;
  drop(cut, DROP_TRUNCATED, "header longer than the packet");
  drop({Eth{}, ip(GetParam()), Fragment6{}, Fragment6{.id = 2, .more = true},
        Fragment6{.id = 3, .more = true}, Udp{}},
       DROP_MALFORMED, "two fragment headers");
  drop({Eth{}, ip(GetParam()), Extension{}, Payload{.size = 4, .protocol = kDestinationOptions}},
       DROP_TRUNCATED, "half an extension header");
  drop({Eth{}, ip(GetParam())}, DROP_UNKNOWN_PROTOCOL, "no next header");
  drop({Eth{}, ip(GetParam()), Payload{.size = 40, .protocol = 50}}, DROP_UNKNOWN_PROTOCOL, "ESP");
}

TEST_P(Parse6, BrokenHeaders) {
  std::vector<Layer> layers{Eth{}, ip(GetParam()), Tcp{}};
  std::get<Ipv6>(layers[1]).payload_length = 21;
  drop(layers, DROP_TRUNCATED, "one byte too long");
  std::get<Ipv6>(layers[1]).payload_length = 0;
  drop(layers, DROP_MALFORMED, "no length");
  Bytes wrong_version = tcp(GetParam(), kSyn);
  wrong_version[14] = 0x40;
  expect_drop(*datapath_, hook(), wrong_version, DROP_MALFORMED);
}

}  // namespace
}  // namespace policyc::kernel_test
