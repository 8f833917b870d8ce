#include "loader/testrun/frame.h"

#include <algorithm>

namespace policyc::testrun {
namespace {

constexpr std::uint8_t kTcp = 6, kUdp = 17, kSctp = 132, kIcmp = 1, kIcmpV6 = 58;
constexpr std::uint8_t kTcpSyn = 0x02;
constexpr std::uint8_t kDestinationUnreachable4 = 3, kTimeExceeded4 = 11, kParameterProblem4 = 12;
constexpr std::uint8_t kLastError6 = 4;

void put16(std::vector<std::uint8_t>& out, std::uint16_t value) {
  out.push_back(static_cast<std::uint8_t>(value >> 8U));
  out.push_back(static_cast<std::uint8_t>(value & 0xffU));
}

void put_zeros(std::vector<std::uint8_t>& out, std::size_t count) {
  out.resize(out.size() + count, 0);
}

void put_address(std::vector<std::uint8_t>& out, const IpAddress& address) {
  out.insert(out.end(), address.bytes.begin(), address.bytes.begin() + (address.v6 ? 16 : 4));
}

bool is_icmp_error(const FrameSpec& spec) {
  const std::uint16_t type = spec.destination_port;
  if (spec.protocol == kIcmp) {
    return type == kDestinationUnreachable4 || type == kTimeExceeded4 || type == kParameterProblem4;
  }
  return spec.protocol == kIcmpV6 && type >= 1 && type <= kLastError6;
}

std::vector<std::uint8_t> ip_packet(const FrameSpec& spec,
                                    const std::vector<std::uint8_t>& payload) {
  std::vector<std::uint8_t> out;
  if (spec.source.v6) {
    out = {0x60, 0, 0, 0};
    put16(out, static_cast<std::uint16_t>(payload.size()));
    out.push_back(spec.protocol);
    out.push_back(255);
  } else {
    out = {0x45, 0};
    put16(out, static_cast<std::uint16_t>(20 + payload.size()));
    put_zeros(out, 4);  // id, fragment
    out.push_back(64);
    out.push_back(spec.protocol);
    put16(out, 0);
  }
  put_address(out, spec.source);
  put_address(out, spec.destination);
  out.insert(out.end(), payload.begin(), payload.end());
  return out;
}

std::vector<std::uint8_t> icmp_payload(const FrameSpec& spec) {
  std::vector<std::uint8_t> out{static_cast<std::uint8_t>(spec.destination_port), 0, 0, 0};
  put16(out, spec.echo_id);
  put16(out, 0);
  if (is_icmp_error(spec)) {
    // It quotes a UDP packet of the receiver that nobody sent.
    FrameSpec quoted{spec.destination, spec.source, kUdp, 9, 9, 0};
    std::vector<std::uint8_t> udp;
    put16(udp, 9);
    put16(udp, 9);
    put_zeros(udp, 4);
    const auto packet = ip_packet(quoted, udp);
    out.insert(out.end(), packet.begin(), packet.end());
  } else {
    put_zeros(out, 16);
  }
  return out;
}

std::vector<std::uint8_t> transport_payload(const FrameSpec& spec) {
  if (spec.protocol == kIcmp || spec.protocol == kIcmpV6) return icmp_payload(spec);
  std::vector<std::uint8_t> out;
  if (spec.protocol == kTcp || spec.protocol == kUdp || spec.protocol == kSctp) {
    put16(out, spec.source_port);
    put16(out, spec.destination_port);
  }
  if (spec.protocol == kTcp) {
    put_zeros(out, 8);
    out.push_back(0x50);
    out.push_back(kTcpSyn);
    put_zeros(out, 6);
  } else if (spec.protocol == kUdp) {
    put16(out, 8 + 16);
    put_zeros(out, 2);
  }
  put_zeros(out, 16);
  return out;
}

}  // namespace

std::vector<std::uint8_t> make_frame(const FrameSpec& spec) {
  std::vector<std::uint8_t> frame{0x02, 0, 0, 0, 0, 1, 0x02, 0, 0, 0, 0, 2};
  put16(frame, spec.source.v6 ? 0x86dd : 0x0800);
  const auto packet = ip_packet(spec, transport_payload(spec));
  frame.insert(frame.end(), packet.begin(), packet.end());
  return frame;
}

}  // namespace policyc::testrun
