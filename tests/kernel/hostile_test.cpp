// Packets cut at every byte and packets with random damage: always a verdict, never a way around
// the policy.
#include <random>

#include <gtest/gtest.h>

#include "tests/kernel/flow.h"

namespace policyc::kernel_test {
namespace {

constexpr std::size_t kEthernet = 14;

// One of each kind, without payload: the last byte belongs to a header.
std::vector<std::vector<Layer>> kinds(Way way) {
  const auto echo = static_cast<std::uint8_t>(way.family == 4 ? 8 : 128);
  const auto error = static_cast<std::uint8_t>(way.family == 4 ? 11 : 3);
  std::vector<std::vector<Layer>> all{
      {Eth{}, ip(way), Tcp{}},
      {Eth{}, ip(way), Udp{}},
      {Eth{}, ip(way), Sctp{}},
      {Eth{}, ip(way), Icmp{.type = echo}},
      {Eth{}, Vlan{.tpid = 0x88a8}, Vlan{}, ip(way), Tcp{}},
      {Eth{}, ip(way), Icmp{.type = error}, ip(back(way)), Udp{}},
  };
  if (way.family == 4) {
    Ipv4 options = std::get<Ipv4>(ip(way));
    options.options = Bytes(12, 1);
    Ipv4 first = std::get<Ipv4>(ip(way));
    first.more_fragments = true;
    all.push_back({Eth{}, options, Tcp{}});
    all.push_back({Eth{}, first, Udp{}});
  } else {
    all.push_back({Eth{}, ip(way), Extension{.kind = kHopByHop}, Extension{.kind = kRouting},
                   Extension{}, Tcp{}});
    all.push_back({Eth{}, ip(way), Fragment6{.more = true}, Udp{}});
    all.push_back({Eth{}, ip(way), Extension{.kind = kAuthentication}, Icmp{.type = echo}});
  }
  return all;
}

// Where the outermost IP header begins.
std::size_t network_offset(const std::vector<Layer>& layers) {
  std::size_t offset = kEthernet;
  for (const Layer& layer : layers) offset += std::holds_alternative<Vlan>(layer) ? 4U : 0U;
  return offset;
}

// Test runs refuse frames that say IP and do not even hold its header; live_test.cpp sends those.
bool test_run_takes(const Bytes& packet) {
  const int type = packet[12] << 8 | packet[13];
  const std::size_t header = type == 0x0800 ? 20 : type == 0x86dd ? 40 : 1;
  return packet.size() >= kEthernet + header;
}

class Hostile : public EachWay {};
INSTANTIATE_TEST_SUITE_P(Ways, Hostile, every_way(), way_name);

TEST_P(Hostile, CutAtEveryByte) {
  const auto datapath = Datapath::ready(Policy::AllowAll);
  for (const std::vector<Layer>& kind : kinds(GetParam())) {
    const Bytes whole = build(kind);
    expect_pass(*datapath, GetParam().hook, whole);
    for (std::size_t size = kEthernet + 1; size < whole.size(); ++size) {
      const Bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
      if (!test_run_takes(cut)) continue;
      expect_drop(*datapath, GetParam().hook, cut, DROP_TRUNCATED, std::to_string(size));
    }
  }
}

// The same when the IP header admits to its length, so that only the headers behind it are short.
TEST_P(Hostile, CutAtEveryByteWithAnHonestLength) {
  const auto datapath = Datapath::ready(Policy::AllowAll);
  datapath->set_config(NODE_EXTENDED_PROTOCOLS);
  const std::size_t ip_header = GetParam().family == 4 ? 20 : 40;
  for (const std::vector<Layer>& kind : kinds(GetParam())) {
    const Bytes whole = build(kind);
    const std::size_t network = network_offset(kind);
    const bool quotes = kind.size() == 5 && std::holds_alternative<Icmp>(kind[2]);
    for (std::size_t size = network + ip_header; size < whole.size(); ++size) {
      Bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
      const std::size_t length = size - network - (GetParam().family == 4 ? 0 : ip_header);
      cut[network + (GetParam().family == 4 ? 3 : 5)] = static_cast<std::uint8_t>(length);
      // What is quoted may be short; the packet is then an error about nothing known.
      if (quotes && size >= network + ip_header + 8) {
        expect_pass(*datapath, GetParam().hook, cut, std::to_string(size));
        continue;
      }
      EXPECT_EQ(datapath->run(GetParam().hook, cut).action,
                static_cast<std::uint32_t>(POLICYC_DROP))
          << size;
      const std::vector<event> events = datapath->drain_events();
      ASSERT_EQ(events.size(), 1U);
      EXPECT_TRUE(events[0].reason == DROP_TRUNCATED || events[0].reason == DROP_MALFORMED)
          << size << ": " << static_cast<int>(events[0].reason);
    }
  }
}

// Random damage to a packet; what it says of itself afterwards is anybody's guess.
class Damage {
 public:
  explicit Damage(std::uint32_t seed) : random_(seed) {}

  Bytes operator()(const Bytes& packet) {
    Bytes damaged;
    do {
      damaged = damage(packet);
    } while (!test_run_takes(damaged));
    return damaged;
  }
  std::uint32_t below(std::uint32_t limit) {
    return std::uniform_int_distribution<std::uint32_t>(0, limit - 1)(random_);
  }

 private:
  Bytes damage(Bytes packet) {
    const std::size_t headers = std::min<std::size_t>(packet.size(), 100);
    for (std::uint32_t count = 1 + below(4); count > 0; --count) {
      const std::size_t at = 12 + below(static_cast<std::uint32_t>(headers - 12));
      packet[at] = below(2) != 0 ? static_cast<std::uint8_t>(below(256))
                                 : static_cast<std::uint8_t>(packet[at] ^ (1U << below(8)));
    }
    if (below(4) == 0)
      packet.resize(kEthernet + 1 + below(static_cast<std::uint32_t>(packet.size() - kEthernet)));
    return packet;
  }

  std::mt19937 random_;
};

// What passes without policy: ARP, IPv4 fragmentation needed, IPv6 neighbour discovery. Reads only
// the offending bytes.
bool passes_by_right(const Bytes& packet) {
  std::size_t at = 12;
  const auto be16 = [&](std::size_t offset) {
    return offset + 1 < packet.size() ? packet[offset] << 8 | packet[offset + 1] : -1;
  };
  while (be16(at) == 0x8100 || be16(at) == 0x88a8) at += 4;
  if (be16(at) == 0x0806) return true;
  const std::size_t network = at + 2;
  if (be16(at) == 0x0800) {
    const std::size_t icmp = network + 4U * (packet[network] & 0xfU);
    return packet[network + 9] == kIcmp4 && packet[icmp] == 3 && packet[icmp + 1] == 4;
  }
  // The hop limit that neighbour discovery needs; no packet here begins with it.
  return be16(at) == 0x86dd && packet[network + 7] == 255;
}

TEST_P(Hostile, DamagedPacketsDoNotPassADenyingPolicy) {
  const auto datapath = Datapath::ready(Policy::DenyAll);
  datapath->set_config(NODE_EXTENDED_PROTOCOLS | NODE_TRACE_VERDICTS | NODE_HAS_PREFIXES4 |
                       NODE_HAS_PREFIXES6);
  Damage damage(4711);
  const std::vector<std::vector<Layer>> seeds = kinds(GetParam());
  for (int i = 0; i < 20000; ++i) {
    const std::vector<Layer>& seed = seeds[damage.below(static_cast<std::uint32_t>(seeds.size()))];
    const Bytes packet = damage(build(seed));
    const std::uint32_t action = datapath->run(GetParam().hook, packet).action;
    ASSERT_TRUE(action == static_cast<std::uint32_t>(POLICYC_PASS) || action == POLICYC_DROP)
        << action;
    const std::vector<event> events = datapath->drain_events();
    if (action == static_cast<std::uint32_t>(POLICYC_PASS)) {
      ASSERT_TRUE(passes_by_right(packet)) << testing::PrintToString(packet);
      ASSERT_TRUE(events.empty());
    } else {
      ASSERT_EQ(events.size(), 1U);
      ASSERT_EQ(events[0].type, EVENT_DROP);
      ASSERT_NE(events[0].reason, DROP_NONE);
      ASSERT_LE(events[0].reason, DROP_FRAGMENTED_ICMP);
    }
  }
  EXPECT_EQ(datapath->connections(), 0U);
}

TEST_P(Hostile, DamagedPacketsAlwaysGetAVerdict) {
  const auto datapath = Datapath::ready(Policy::AllowAll);
  datapath->set_config(NODE_EXTENDED_PROTOCOLS);
  Damage damage(1147);
  const std::vector<std::vector<Layer>> seeds = kinds(GetParam());
  for (int i = 0; i < 20000; ++i) {
    const std::vector<Layer>& seed = seeds[damage.below(static_cast<std::uint32_t>(seeds.size()))];
    const std::uint32_t action = datapath->run(GetParam().hook, damage(build(seed))).action;
    const std::size_t events = datapath->drain_events().size();
    ASSERT_TRUE(action == static_cast<std::uint32_t>(POLICYC_PASS) || action == POLICYC_DROP)
        << action;
    ASSERT_EQ(events, action == POLICYC_DROP ? 1U : 0U) << "a drop is reported, a pass is not";
  }
}

}  // namespace
}  // namespace policyc::kernel_test
