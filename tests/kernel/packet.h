#pragma once
// Packets for tests, written as a list of layers:
//   build({Eth{}, Ipv4{.source = "10.0.0.1", .destination = "10.0.0.2"}, Tcp{.destination_port =
//   80, .flags = kSyn}})
// Lengths and protocol numbers follow from the layers behind unless a layer sets them. Checksums
// are left zero: the datapath does not look at them.

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace policyc::kernel_test {

using Bytes = std::vector<std::uint8_t>;

inline constexpr std::uint8_t kFin = 0x01, kSyn = 0x02, kRst = 0x04, kPsh = 0x08, kAck = 0x10;
inline constexpr std::uint8_t kIcmp4 = 1, kTcp = 6, kUdp = 17, kIcmp6 = 58, kSctp = 132;
inline constexpr std::uint8_t kHopByHop = 0, kRouting = 43, kAuthentication = 51,
                              kDestinationOptions = 60;

struct Eth {
  std::optional<std::uint16_t> ethertype = {};
};
struct Vlan {
  std::uint16_t id = 1;
  std::uint16_t tpid = 0x8100;
};
struct Arp {};
struct Ipv4 {
  std::string source;
  std::string destination;
  std::uint16_t id = 1;
  std::uint16_t fragment_offset = 0;  // bytes
  bool more_fragments = false;
  std::uint8_t ttl = 64;
  Bytes options = {};  // a multiple of four bytes
  std::optional<std::uint8_t> protocol = {};
  std::optional<std::uint8_t> version_length = {};
  std::optional<std::uint16_t> total_length = {};
};
struct Ipv6 {
  std::string source;
  std::string destination;
  std::uint8_t hop_limit = 64;
  std::optional<std::uint8_t> next_header = {};
  std::optional<std::uint16_t> payload_length = {};
};
// An IPv6 extension header of 8 * (1 + extra) bytes; for kAuthentication 12 + 4 * extra.
struct Extension {
  std::uint8_t kind = kDestinationOptions;
  std::uint8_t extra = 0;
  std::uint8_t segments_left = 0;
};
struct Fragment6 {
  std::uint32_t id = 1;
  std::uint16_t offset = 0;  // bytes
  bool more = false;
  std::optional<std::uint8_t> next_header = {};
};
struct Tcp {
  std::uint16_t source_port = 40000;
  std::uint16_t destination_port = 80;
  std::uint8_t flags = kSyn;
  std::uint8_t data_offset = 5;
};
struct Udp {
  std::uint16_t source_port = 40000;
  std::uint16_t destination_port = 53;
};
struct Sctp {
  std::uint16_t source_port = 40000;
  std::uint16_t destination_port = 3868;
};
struct Icmp {  // of the family of the layer before
  std::uint8_t type = 8;
  std::uint8_t code = 0;
  std::uint16_t id = 77;
};
struct Payload {
  std::size_t size = 0;
  std::uint8_t protocol = kUdp;  // what the layer before says it is
};

using Layer =
    std::variant<Eth, Vlan, Arp, Ipv4, Ipv6, Extension, Fragment6, Tcp, Udp, Sctp, Icmp, Payload>;

[[nodiscard]] Bytes build(const std::vector<Layer>& layers);

}  // namespace policyc::kernel_test
