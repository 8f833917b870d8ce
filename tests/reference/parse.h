#pragma once
// A second reading of frames, for comparison with the datapath's: written from docs/datapath.md and
// the RFCs (791, 792, 4302, 4443, 4861, 8200, 9293), sharing nothing with runtime/ but the list of
// drop reasons. Slow and plain on purpose.

#include <cstdint>
#include <optional>
#include <span>

#include "runtime/abi/abi.h"
#include "tests/reference/address.h"

namespace policyc::reference {

using Bytes = std::span<const std::uint8_t>;

enum class Kind : std::uint8_t {
  Arp,
  NeighbourDiscovery,
  EchoRequest,
  EchoReply,
  IcmpError,
  OtherIcmp,
  Ports,  // TCP, UDP, SCTP
  OtherProtocol,
};

enum class Part : std::uint8_t { Whole, FirstFragment, LaterFragment };

// What a frame says. Numbers are in host order.
struct Parsed {
  policyc_drop_reason refused = DROP_NONE;  // then nothing below counts
  Kind kind = Kind::Arp;
  Address source;
  Address destination;
  std::uint8_t protocol = 0;
  std::uint16_t source_port = 0;       // later fragments: 0, nobody has said yet
  std::uint16_t destination_port = 0;  // ICMP: 0
  std::uint8_t tcp_flags = 0;
  std::uint8_t icmp_type = 0;
  std::uint8_t icmp_code = 0;
  std::uint16_t echo_id = 0;
  Part part = Part::Whole;
  std::uint32_t fragment_id = 0;
  Bytes quote;    // an ICMP error's quoted packet: what its own IP packet holds of it
  Bytes trailer;  // `quote` and whatever the frame has behind the IP packet
};

struct Reading {
  bool gso = false;  // the frame stands for several: an IP length of 0 means "more than fits into
                     // the field"
  bool extensions_in_fragments = false;  // see Tolerance
};
// From the Ethernet header on. The result's spans point into `frame`.
[[nodiscard]] Parsed parse(Bytes frame, Reading reading = {});

// The packet that an ICMP error of `family` quotes. It is cut off (RFC 792: eight bytes behind the
// IP header), so its length field may promise more than there is. nullopt: not enough of a packet.
[[nodiscard]] std::optional<Parsed> parse_quote(Bytes quote, int family,
                                                bool extensions_in_fragments = false);

}  // namespace policyc::reference
