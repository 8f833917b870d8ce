#pragma once
// Damage to frames, at random and where it hurts.

#include "tests/fuzz/dice.h"
#include "tests/kernel/packet.h"

namespace policyc::packet_fuzz {

// Changes the frame in one to three ways; one that test runs take stays one.
void mutate(fuzz::Dice& dice, kernel_test::Bytes& frame);

// The frame's first `size` bytes, with an IP length that admits to it.
void cut_honestly(kernel_test::Bytes& frame, std::size_t size);

}  // namespace policyc::packet_fuzz
