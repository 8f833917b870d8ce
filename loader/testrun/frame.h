#pragma once
// Synthesised frames for BPF_PROG_TEST_RUN: just enough of each header for the datapath to parse.

#include <cstdint>
#include <vector>

#include "compiler/support/ip.h"

namespace policyc::testrun {

struct FrameSpec {
  IpAddress source;
  IpAddress destination;               // of the source's family
  std::uint8_t protocol = 6;           // IP protocol number
  std::uint16_t source_port = 0;       // host order
  std::uint16_t destination_port = 0;  // host order; the type for ICMP
  std::uint16_t echo_id = 0;
};

// An Ethernet frame. ICMP errors quote a packet that belongs to no connection. Checksums are zero:
// nothing on the way looks at them.
[[nodiscard]] std::vector<std::uint8_t> make_frame(const FrameSpec& spec);

}  // namespace policyc::testrun
