#pragma once
// What a denied packet is answered with: run through the datapath, and written down byte by byte.

#include <cstdint>
#include <optional>

#include "tests/kernel/flow.h"

namespace policyc::kernel_test {

struct Answered {
  std::uint32_t action = 0;
  Bytes frame;             // as the program left it
  std::uint32_t mark = 0;  // skb->mark, as the program left it
};

inline constexpr std::uint32_t kRedirected = 7;  // TC_ACT_REDIRECT

// Runs a frame whose mark is `mark`.
[[nodiscard]] Answered run_marked(const Datapath& datapath, Hook hook, const Bytes& frame,
                                  std::uint32_t mark = 0);

// A node with this configuration whose peers are all denied by rule (kDeniedClass).
[[nodiscard]] std::unique_ptr<Datapath> denying(std::uint32_t flags);

// Where the IP header of a frame with so many VLAN tags begins.
[[nodiscard]] inline std::size_t network_offset(std::size_t tags = 0) { return 14 + 4 * tags; }

// When each CPU's bucket of answers is full again, in ns of coarse_now().
void set_bucket(const Datapath& datapath, std::uint64_t full_ns);
// The latest of them.
[[nodiscard]] std::uint64_t bucket(const Datapath& datapath);

// Whether an IP packet of one header and one segment has the lengths and checksums that it should.
[[nodiscard]] bool is_sound(const Bytes& frame, int family);

// Fills in the checksums of such a packet: TCP, UDP, ICMP.
void make_sound(Bytes& frame, int family);

// Numbers of the TCP header at `offset` of a frame.
void set_tcp_numbers(Bytes& frame, std::size_t offset, std::uint32_t sequence, std::uint32_t ack);

// The frame's addresses and tags turned round, then an ICMP error of the datapath that quotes
// `quoted` bytes of the frame's IP packet.
[[nodiscard]] Bytes unreachable(const Bytes& frame, int family, std::size_t quoted,
                                std::size_t tags = 0);
// ... then a reset; `transport` is where the TCP header of the frame begins.
[[nodiscard]] Bytes reset(const Bytes& frame, int family, std::size_t transport,
                          std::uint32_t sequence, std::uint32_t ack, std::uint8_t flags,
                          std::size_t tags = 0);

}  // namespace policyc::kernel_test
