#pragma once
// Well-formed frames of every kind that the datapath tells apart, drawn at random.

#include <cstdint>
#include <string>

#include "tests/fuzz/dice.h"
#include "tests/kernel/datapath.h"
#include "tests/kernel/flow.h"

namespace policyc::packet_fuzz {

using fuzz::Dice;
using kernel_test::Bytes;
using kernel_test::Hook;

// Two sides that talk with each other.
struct Conversation {
  kernel_test::Way first;  // where its first packet is seen
  std::string peer;
  std::uint8_t protocol = kernel_test::kTcp;  // ICMP: echo
  std::uint16_t source_port = 0;              // of the first packet; ICMP: the identifier
  std::uint16_t destination_port = 0;
  std::uint32_t fragment_id = 0;
};

struct Frame {
  Hook hook = Hook::FromEndpoint;
  Bytes bytes;
  bool gso = false;
};

[[nodiscard]] Conversation draw_conversation(Dice& dice);
// A packet of the conversation, or something about it: a fragment, an ICMP error, neighbour
// discovery.
[[nodiscard]] Frame draw_frame(Dice& dice, const Conversation& conversation);
// What belongs to the conversation's protocol, undecorated, seen at `hook`.
[[nodiscard]] Frame plain_frame(const Conversation& conversation, Hook hook,
                                std::uint8_t tcp_flags);
// One of two fragments of such a packet.
[[nodiscard]] Frame plain_fragment(const Conversation& conversation, Hook hook, bool first);

}  // namespace policyc::packet_fuzz
