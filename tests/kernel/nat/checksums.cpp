#include "tests/kernel/nat/checksums.h"

#include <span>

namespace policyc::kernel_test {
namespace {

constexpr std::size_t kNetwork = 14;

// RFC 1071, not folded.
std::uint64_t add(std::span<const std::uint8_t> bytes, std::uint64_t sum = 0) {
  for (std::size_t i = 0; i < bytes.size(); ++i)
    sum += i % 2 == 0 ? static_cast<std::uint64_t>(bytes[i]) << 8U : bytes[i];
  return sum;
}

std::uint16_t fold(std::uint64_t sum) {
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16U);
  return static_cast<std::uint16_t>(~sum);
}

struct Parts {
  bool v4;
  std::size_t header;     // bytes of the IP header
  std::uint8_t protocol;  // of the transport
  std::size_t checksum;   // where in the frame; 0: it has none
  std::size_t end;
};

std::size_t u16(const Bytes& frame, std::size_t at) {
  return static_cast<std::size_t>(frame[at]) << 8U | frame[at + 1];
}

Parts parts_of(const Bytes& frame) {
  Parts parts{};
  parts.v4 = frame[kNetwork] >> 4U == 4;
  parts.header = parts.v4 ? 4U * (frame[kNetwork] & 0xfU) : 40;
  parts.protocol = frame[kNetwork + (parts.v4 ? 9 : 6)];
  parts.end = kNetwork + (parts.v4 ? u16(frame, kNetwork + 2) : 40 + u16(frame, kNetwork + 4));
  const std::size_t transport = kNetwork + parts.header;
  if (parts.protocol == kTcp) parts.checksum = transport + 16;
  if (parts.protocol == kUdp) parts.checksum = transport + 6;
  if (parts.protocol == kIcmp4 || parts.protocol == kIcmp6) parts.checksum = transport + 2;
  return parts;
}

// Over all that the checksum covers, itself included.
std::uint16_t transport_sum(const Bytes& frame, const Parts& parts) {
  const std::span<const std::uint8_t> all(frame);
  const std::size_t transport = kNetwork + parts.header;
  std::uint64_t sum = add(all.subspan(transport, parts.end - transport));
  if (parts.protocol != kIcmp4) {
    sum = add(parts.v4 ? all.subspan(kNetwork + 12, 8) : all.subspan(kNetwork + 8, 32), sum);
    sum += parts.protocol + (parts.end - transport);
  }
  return fold(sum);
}

void store(Bytes& frame, std::size_t at, std::uint16_t value) {
  frame[at] = static_cast<std::uint8_t>(value >> 8U);
  frame[at + 1] = static_cast<std::uint8_t>(value);
}

std::uint16_t header_sum(const Bytes& frame, const Parts& parts) {
  return fold(add(std::span<const std::uint8_t>(frame).subspan(kNetwork, parts.header)));
}

}  // namespace

Bytes sealed(Bytes frame) {
  const Parts parts = parts_of(frame);
  if (parts.v4) {
    store(frame, kNetwork + 10, 0);
    store(frame, kNetwork + 10, header_sum(frame, parts));
  }
  if (parts.checksum != 0) {
    store(frame, parts.checksum, 0);
    const std::uint16_t sum = transport_sum(frame, parts);
    store(frame, parts.checksum, sum == 0 && parts.protocol == kUdp ? 0xffff : sum);
  }
  return frame;
}

std::string wrong_checksum(const Bytes& frame) {
  const Parts parts = parts_of(frame);
  if (parts.v4 && header_sum(frame, parts) != 0) return "IPv4";
  if (parts.checksum == 0) return "";
  if (parts.v4 && parts.protocol == kUdp && u16(frame, parts.checksum) == 0) return "";
  return transport_sum(frame, parts) == 0 ? "" : "transport";
}

}  // namespace policyc::kernel_test
