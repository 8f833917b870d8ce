#pragma once
// Checksums of test frames: Ethernet, IPv4 with options or IPv6 without extension headers, then
// TCP, UDP or ICMP.

#include "tests/kernel/packet.h"

namespace policyc::kernel_test {

// The frame with every checksum right; what a fragment cuts off is counted as it is there.
[[nodiscard]] Bytes sealed(Bytes frame);
// The first checksum that is wrong: "IPv4", "transport", or "" when all are right. A UDP checksum
// of zero over IPv4 is none.
[[nodiscard]] std::string wrong_checksum(const Bytes& frame);

}  // namespace policyc::kernel_test
