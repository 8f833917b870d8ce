// The fuzzer's own parts: text, generator, minimiser, and that a wrong answer is noticed.
#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/kernel/flow.h"
#include "tests/kernel/fuzz/duel.h"
#include "tests/kernel/fuzz/generate.h"
#include "tests/kernel/fuzz/minimise.h"

namespace policyc::packet_fuzz {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

std::string text_of(Sequence sequence) {
  return to_text(NamedSequence{.name = "of a test", .steps = std::move(sequence)});
}

const Sequence kHandshake{
    Settings{.policy = Policy::Matrix, .prefixes6 = true},
    Packet{.hook = Hook::FromEndpoint,
           .frame = kernel_test::tcp({Hook::FromEndpoint, 4}, kernel_test::kSyn)},
    Age{20},
    Packet{.hook = Hook::ToEndpoint,
           .frame = kernel_test::tcp_reply({Hook::FromEndpoint, 4}, kernel_test::kAck)},
};

TEST(Text, ComesBackAsItWas) {
  bool with_gso = false, with_age = false, with_peer = false;
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    const std::string text = text_of(generate(seed));
    const std::vector<NamedSequence> read = from_text("# a comment\n\n" + text);
    ASSERT_EQ(read.size(), 1U);
    EXPECT_EQ(to_text(read[0]), text);
    with_gso |= text.find(" gso ") != std::string::npos;
    with_age |= text.find("\nage ") != std::string::npos;
    with_peer |= text.find("\npeer ") != std::string::npos;
  }
  EXPECT_TRUE(with_gso && with_age && with_peer);
}

TEST(Text, WhatItDoesNotUnderstandIsRefused) {
  for (const auto& [line, message] : {
           std::pair{"to_endpoint 0g", "line 2: not a number: 0g"},
           {"to_endpoint 000", "line 2: half a byte"},
           {"to_endpoint", "line 2: no frame"},
           {"from_endpoint 00 DROPPED", "line 2: no drop reason DROPPED"},
           {"from_endpoint 00 NONE", "line 2: no drop reason NONE"},
           {"age long", "line 2: not a number: long"},
           {"peer 10.0.0.1", "line 2: not a number: "},
           {"settings policy=matrix", "line 2: without prefixes"},
           {"settings policy=some audit=0 extended=0 prefixes=none epoch=1",
            "line 2: no policy some"},
           {"settings policy=matrix audit=0 extended=0 prefixes=5 epoch=1",
            "line 2: no prefixes 5"},
           {"settings policy=matrix audit=0 extended=0 prefixes=4 epoch=1 x=1",
            "line 2: unknown setting x"},
           {"wait 3", "line 2: unknown step wait"},
       }) {
    EXPECT_THAT([&] { return from_text(std::string("sequence a\n") + line); },
                ThrowsMessage<std::runtime_error>(message));
  }
  EXPECT_THAT([] { return from_text("age 3"); },
              ThrowsMessage<std::runtime_error>(HasSubstr("before the first sequence")));
}

TEST(Generate, TheSeedIsAllThatCounts) {
  EXPECT_EQ(text_of(generate(7)), text_of(generate(7)));
  EXPECT_NE(text_of(generate(7)), text_of(generate(8)));
}

TEST(Generate, OnlyFramesThatTestRunsTake) {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    for (const Step& step : generate(seed)) {
      if (const auto* packet = std::get_if<Packet>(&step)) {
        ASSERT_TRUE(test_run_takes(packet->frame)) << to_text(step);
      }
    }
  }
}

TEST(Minimise, LeavesWhatMatters) {
  // Fails if a packet with port 80 is sent after time has passed.
  const auto fails = [](const Sequence& sequence) {
    bool aged = false;
    for (const Step& step : sequence) {
      aged |= std::holds_alternative<Age>(step);
      const auto* packet = std::get_if<Packet>(&step);
      if (aged && packet != nullptr && packet->frame.size() > 35 && packet->frame[35] == 80)
        return true;
    }
    return false;
  };
  Sequence sequence = kHandshake;
  sequence.push_back(kHandshake[1]);
  sequence.push_back(kHandshake[3]);
  const Sequence small = minimise(sequence, fails);
  ASSERT_EQ(small.size(), 2U);
  EXPECT_TRUE(std::holds_alternative<Age>(small[0]));
  const Bytes& frame = std::get<Packet>(small[1]).frame;
  EXPECT_EQ(frame.size(), 36U);
  EXPECT_EQ(std::count(frame.begin(), frame.end(), 0), 35) << "all but the port";
}

TEST(Duel, AWrongExpectationIsNoticed) {
  Duel duel({});
  EXPECT_FALSE(duel.play(kHandshake));
  const Sequence right = duel.expect(kHandshake);
  EXPECT_EQ(std::get<Packet>(right[3]).expected, DROP_NONE);
  EXPECT_FALSE(duel.play(right));
  Sequence wrong = right;
  std::get<Packet>(wrong[3]).expected = DROP_POLICY_DENY;
  const std::optional<Disagreement> found = duel.play(wrong);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->step, 3U);
  EXPECT_EQ(found->what, "both: pass, expected: POLICY_DENY");
}

// Each sequence begins from an empty node, whatever the one before has left.
TEST(Duel, SequencesDoNotKnowEachOther) {
  Duel duel({});
  ASSERT_FALSE(duel.play(kHandshake));
  const Sequence reply{kHandshake[3]};
  EXPECT_FALSE(duel.play(reply));
  EXPECT_EQ(std::get<Packet>(duel.expect(reply)[0]).expected, DROP_POLICY_DEFAULT_DENY);
  Sequence denied{PeerClass{kernel_test::kRemote4, kernel_test::kDeniedClass}, kHandshake[1]};
  EXPECT_EQ(std::get<Packet>(duel.expect(denied)[1]).expected, DROP_POLICY_DENY);
  EXPECT_FALSE(duel.play(denied));
  EXPECT_FALSE(duel.play(kHandshake));
}

TEST(Duel, StrangersAreNoPeers) {
  Duel duel({});
  EXPECT_THROW((void)duel.play({PeerClass{"10.0.0.77", 1}}), std::runtime_error);
}

}  // namespace
}  // namespace policyc::packet_fuzz
