#include "tests/reference/parse.h"

#include <algorithm>

#include <netinet/in.h>

namespace policyc::reference {
namespace {

struct Refused {
  policyc_drop_reason reason;
};

[[noreturn]] void refuse(policyc_drop_reason reason) { throw Refused{reason}; }

std::uint16_t be16(Bytes bytes, std::size_t at) {
  return static_cast<std::uint16_t>(bytes[at] << 8 | bytes[at + 1]);
}

std::uint32_t be32(Bytes bytes, std::size_t at) {
  return static_cast<std::uint32_t>(be16(bytes, at)) << 16 | be16(bytes, at + 2);
}

// Everything behind the first `size` bytes, which must be there.
Bytes behind(Bytes bytes, std::size_t size) {
  if (bytes.size() < size) refuse(DROP_TRUNCATED);
  return bytes.subspan(size);
}

Address address(int family, Bytes bytes) {
  Address result{.family = family, .bytes = {}};
  std::copy_n(bytes.begin(), family == 4 ? 4 : 16, result.bytes.begin());
  return result;
}

// Where the length of an IP packet comes from.
enum class Length : std::uint8_t {
  Field,  // the header says it, and all of it must be there
  Gso,    // as above, but 0 means everything
  Quote,  // the header may promise more than there is
};
struct How {
  Length length = Length::Field;
  bool extensions_in_fragments = false;
};

// The first `length` bytes of `packet`. Ethernet pads short frames, so what is behind them is
// nobody's.
Bytes cut(Bytes packet, std::size_t length, Length source) {
  if (source == Length::Quote && (length == 0 || length > packet.size())) return packet;
  if (source == Length::Gso && length == 0) return packet;
  if (length == 0) refuse(DROP_MALFORMED);
  if (length > packet.size()) refuse(DROP_TRUNCATED);
  return packet.first(length);
}

// RFC 9293, 768, 9260. Of a quote only the first eight bytes are sure to be there, and the ports
// are among them.
void read_ports(Bytes segment, bool quoted, Parsed& result) {
  constexpr std::size_t kUdpHeader = 8, kSctpHeader = 12, kTcpHeader = 20;
  const bool whole_tcp = result.protocol == IPPROTO_TCP && !quoted;
  std::size_t header = kUdpHeader;
  if (whole_tcp) header = kTcpHeader;
  if (result.protocol == IPPROTO_SCTP && !quoted) header = kSctpHeader;
  behind(segment, header);
  result.source_port = be16(segment, 0);
  result.destination_port = be16(segment, 2);
  if (!whole_tcp) return;
  const std::size_t data_offset = static_cast<std::size_t>(segment[12] >> 4) * 4;
  if (data_offset < kTcpHeader) refuse(DROP_MALFORMED);
  result.tcp_flags = segment[13];
}

Kind icmp4_kind(std::uint8_t type) {
  switch (type) {
    case 0:
      return Kind::EchoReply;
    case 8:
      return Kind::EchoRequest;
    case 3:   // destination unreachable
    case 11:  // time exceeded
    case 12:  // parameter problem
      return Kind::IcmpError;
    default:
      return Kind::OtherIcmp;
  }
}

Kind icmp6_kind(std::uint8_t type) {
  if (type >= 1 && type <= 4) return Kind::IcmpError;
  if (type == 128) return Kind::EchoRequest;
  if (type == 129) return Kind::EchoReply;
  if (type >= 133 && type <= 137) return Kind::NeighbourDiscovery;
  return Kind::OtherIcmp;
}

// RFC 4861, sections 6.1.1, 6.1.2, 7.1.1, 7.1.2 and 8.1.
std::size_t least_neighbour_message(std::uint8_t type) {
  switch (type) {
    case 133:  // router solicitation
      return 8;
    case 134:  // router advertisement
      return 16;
    case 137:  // redirect
      return 40;
    default:  // neighbour solicitation, neighbour advertisement
      return 24;
  }
}

void read_icmp(Bytes message, Bytes to_end_of_frame, std::uint8_t hop_limit, Parsed& result) {
  constexpr std::size_t kIcmpHeader = 8;
  result.quote = behind(message, kIcmpHeader);
  result.trailer = to_end_of_frame.subspan(kIcmpHeader);
  result.icmp_type = message[0];
  result.icmp_code = message[1];
  result.echo_id = be16(message, 4);
  result.kind =
      result.source.family == 4 ? icmp4_kind(result.icmp_type) : icmp6_kind(result.icmp_type);
  // RFC 4861, section 6.1 and 7.1: with less it was forwarded, so it is not from a neighbour.
  if (result.kind == Kind::NeighbourDiscovery && (hop_limit != 255 || result.icmp_code != 0))
    refuse(DROP_MALFORMED);
  if (result.kind == Kind::NeighbourDiscovery)
    behind(message, least_neighbour_message(result.icmp_type));
}

struct Payload {
  Bytes bytes;            // behind the IP header and its extensions, up to the end of the IP packet
  Bytes to_end_of_frame;  // the same, up to the end of the frame
  std::uint8_t hop_limit = 255;
  std::size_t fragment_offset = 0;  // bytes
};

void read_transport(const Payload& payload, bool quoted, Parsed& result) {
  switch (result.protocol) {
    case IPPROTO_TCP:
    case IPPROTO_UDP:
    case IPPROTO_SCTP:
      result.kind = Kind::Ports;
      if (result.part != Part::LaterFragment) return read_ports(payload.bytes, quoted, result);
      // RFC 1858, 3128: such a fragment rewrites the header that the policy has seen.
      if (result.protocol == IPPROTO_TCP && payload.fragment_offset < 20) refuse(DROP_MALFORMED);
      return;
    case IPPROTO_ICMP:
    case IPPROTO_ICMPV6:
      if ((result.protocol == IPPROTO_ICMP) != (result.source.family == 4))
        refuse(DROP_UNKNOWN_PROTOCOL);
      if (result.part != Part::Whole) refuse(DROP_FRAGMENTED_ICMP);
      return read_icmp(payload.bytes, payload.to_end_of_frame, payload.hop_limit, result);
    default:
      result.kind = Kind::OtherProtocol;
  }
}

// The last `size` bytes of `of` begin where `part` begins.
Bytes extend(Bytes part, Bytes of) {
  return of.subspan(static_cast<std::size_t>(part.data() - of.data()));
}

// RFC 791, section 3.1: one byte of type, and unless that is 0 (the end) or 1 (nothing) one of
// length, which counts both. Types 131 and 137 are routes.
void read_options(Bytes options) {
  while (!options.empty() && options[0] != 0) {
    if (options[0] == 1) {
      options = options.subspan(1);
      continue;
    }
    if (options[0] == 131 || options[0] == 137) refuse(DROP_MALFORMED);
    if (options.size() < 2 || options[1] < 2 || options[1] > options.size()) refuse(DROP_MALFORMED);
    options = options.subspan(options[1]);
  }
}

// RFC 791, section 3.1. Of a quote the options are nobody's matter: it goes nowhere.
void read_ipv4(Bytes frame, const How& how, Parsed& result) {
  constexpr std::size_t kHeader = 20;
  behind(frame, kHeader);
  const std::size_t header = static_cast<std::size_t>(frame[0] & 0xf) * 4;
  if (frame[0] >> 4 != 4 || header < kHeader) refuse(DROP_MALFORMED);
  const Bytes packet = cut(frame, be16(frame, 2), how.length);
  if (packet.size() < header) refuse(DROP_MALFORMED);
  if (how.length != Length::Quote) read_options(packet.subspan(kHeader, header - kHeader));

  result.source = address(4, packet.subspan(12));
  result.destination = address(4, packet.subspan(16));
  result.protocol = packet[9];
  Payload payload{.bytes = packet.subspan(header), .to_end_of_frame = {}};
  payload.to_end_of_frame = extend(payload.bytes, frame);
  payload.fragment_offset = static_cast<std::size_t>(be16(packet, 6) & 0x1fff) * 8;
  const bool more = (packet[6] & 0x20) != 0;
  if (payload.fragment_offset != 0) {
    result.part = Part::LaterFragment;
  } else if (more) {
    result.part = Part::FirstFragment;
  }
  if (result.part != Part::Whole) result.fragment_id = be16(packet, 4);
  read_transport(payload, how.length == Length::Quote, result);
}

constexpr std::uint8_t kHopByHop = 0, kRouting = 43, kFragment = 44, kAuthentication = 51,
                       kDestination = 60;

bool is_extension(std::uint8_t next) {
  return next == kHopByHop || next == kRouting || next == kFragment || next == kAuthentication ||
         next == kDestination;
}

// RFC 8200, section 4; RFC 4302 for the authentication header, which counts in words.
std::size_t extension_size(std::uint8_t kind, Bytes header) {
  if (kind == kFragment) return 8;
  if (kind == kAuthentication) return (header[1] + 2U) * 4U;
  return (header[1] + 1U) * 8U;
}

void read_fragment_header(Bytes header, Payload& payload, Parsed& result) {
  if (result.part != Part::Whole) refuse(DROP_MALFORMED);
  const std::uint16_t field = be16(header, 2);
  payload.fragment_offset = field & 0xfff8U;
  if (payload.fragment_offset != 0) {
    result.part = Part::LaterFragment;
  } else if ((field & 1) != 0) {
    result.part = Part::FirstFragment;
  }  // else a packet in one fragment (RFC 6946)
  if (result.part != Part::Whole) result.fragment_id = be32(header, 4);
}

// Moves payload.bytes and result.protocol behind the extension headers. What a later fragment
// carries is not looked at: its headers are in the first one.
void skip_extensions(Payload& payload, bool in_fragments, Parsed& result) {
  constexpr int kMost = 6;
  for (int count = 0; is_extension(result.protocol) && result.part != Part::LaterFragment;
       ++count) {
    // RFC 8200 allows them, but with them a later fragment could write over the transport header
    // behind.
    if (result.part == Part::FirstFragment && !in_fragments) refuse(DROP_MALFORMED);
    if (count == kMost) refuse(DROP_TOO_MANY_EXTENSION_HEADERS);
    behind(payload.bytes, 8);
    // Segments left: the destination address is only a stop on the way.
    if (result.protocol == kRouting && payload.bytes[3] != 0) refuse(DROP_MALFORMED);
    if (result.protocol == kFragment) read_fragment_header(payload.bytes, payload, result);
    const std::size_t size = extension_size(result.protocol, payload.bytes);
    result.protocol = payload.bytes[0];
    payload.bytes = behind(payload.bytes, size);
  }
}

// RFC 8200, section 3.
void read_ipv6(Bytes frame, const How& how, Parsed& result) {
  constexpr std::size_t kHeader = 40;
  behind(frame, kHeader);
  if (frame[0] >> 4 != 6) refuse(DROP_MALFORMED);
  const std::size_t payload_length = be16(frame, 4);
  const Bytes rest = frame.subspan(kHeader);
  result.source = address(6, frame.subspan(8));
  result.destination = address(6, frame.subspan(24));
  result.protocol = frame[6];
  Payload payload{
      .bytes = rest.empty() && payload_length == 0 ? rest : cut(rest, payload_length, how.length),
      .to_end_of_frame = {},
      .hop_limit = frame[7]};
  skip_extensions(payload, how.extensions_in_fragments, result);
  payload.to_end_of_frame = extend(payload.bytes, frame);
  read_transport(payload, how.length == Length::Quote, result);
}

void read_ethernet(Bytes frame, const How& how, Parsed& result) {
  constexpr std::size_t kStations = 12;
  Bytes rest = behind(frame, kStations);
  behind(rest, 2);
  std::uint16_t type = be16(rest, 0);
  rest = rest.subspan(2);
  for (int tags = 0; tags < 2 && (type == 0x8100 || type == 0x88a8); ++tags) {
    behind(rest, 4);
    type = be16(rest, 2);
    rest = rest.subspan(4);
  }
  switch (type) {
    case 0x0800:
      return read_ipv4(rest, how, result);
    case 0x86dd:
      return read_ipv6(rest, how, result);
    case 0x0806:
      result.kind = Kind::Arp;
      return;
    default:
      refuse(DROP_UNKNOWN_ETHERTYPE);
  }
}

}  // namespace

Parsed parse(Bytes frame, Reading reading) {
  Parsed result;
  const How how{.length = reading.gso ? Length::Gso : Length::Field,
                .extensions_in_fragments = reading.extensions_in_fragments};
  try {
    read_ethernet(frame, how, result);
  } catch (const Refused& refused) {
    result.refused = refused.reason;
  }
  return result;
}

std::optional<Parsed> parse_quote(Bytes quote, int family, bool extensions_in_fragments) {
  Parsed result;
  const How how{.length = Length::Quote, .extensions_in_fragments = extensions_in_fragments};
  try {
    if (family == 4) {
      read_ipv4(quote, how, result);
    } else {
      read_ipv6(quote, how, result);
    }
  } catch (const Refused&) {
    return std::nullopt;
  }
  return result;
}

}  // namespace policyc::reference
