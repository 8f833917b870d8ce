// The way to the policy programs and back: slots, and what happens when a program is missing.
#include <atomic>
#include <thread>

#include <gtest/gtest.h>

#include "tests/kernel/flow.h"

namespace policyc::kernel_test {
namespace {

class PolicyProgram : public EachWay {};
INSTANTIATE_TEST_SUITE_P(Ways, PolicyProgram, every_way(), way_name);

TEST_P(PolicyProgram, ASlotThatIsEmptyDrops) {
  const auto datapath = Datapath::ready(Policy::AllowAll);
  const Hook hook = GetParam().hook;
  datapath->erase("policies", POLICYC_POLICY_INDEX(kSlot, direction(hook)));
  const event record = expect_drop(*datapath, hook, tcp(GetParam(), kSyn), DROP_POLICY_MISSING);
  EXPECT_EQ(record.shape_tag, kShapeTag + kSlot);
  EXPECT_EQ(record.endpoint_id, kEndpointId);
  EXPECT_EQ(record.peer_identity, kRemoteIdentity);
  EXPECT_EQ(datapath->connections(), 0U);
  EXPECT_EQ(datapath->metric(DROP_POLICY_MISSING, direction(hook)).packets, 1U);
  // The other direction has its program still.
  expect_pass(*datapath, opposite(hook), tcp(back(GetParam()), kSyn, 7, 8));
}

TEST_P(PolicyProgram, AnEndpointWithoutASlotOrWithAnImpossibleOneDrops) {
  const auto datapath = Datapath::ready(Policy::AllowAll);
  for (const std::uint32_t slot : {0U, 2U, 511U, 512U, 1'000'000U, 0xffffffffU}) {
    datapath->set_endpoint(0, slot);
    expect_drop(*datapath, GetParam().hook, tcp(GetParam(), kSyn), DROP_POLICY_MISSING);
  }
}

// Audit forgives what a policy denies, not that there is none.
TEST_P(PolicyProgram, AuditDoesNotForgiveAMissingProgram) {
  const auto datapath = Datapath::ready(Policy::AllowAll);
  datapath->set_endpoint(ENDPOINT_AUDIT, 2);
  expect_drop(*datapath, GetParam().hook, tcp(GetParam(), kSyn), DROP_POLICY_MISSING);
}

TEST_P(PolicyProgram, WithoutAFinishProgramNothingNewPasses) {
  const auto datapath = Datapath::ready(Policy::AllowAll);
  const Hook hook = GetParam().hook;
  expect_pass(*datapath, hook, tcp(GetParam(), kSyn, 1000));
  datapath->erase("policy_finish", direction(hook));
  EXPECT_EQ(datapath->run(hook, tcp(GetParam(), kSyn, 1001)).action,
            static_cast<std::uint32_t>(POLICYC_DROP));
  EXPECT_EQ(datapath->connections(), 1U);
  expect_pass(*datapath, hook, tcp(GetParam(), kAck, 1000));
  // An older connection that has to ask is stopped as well.
  datapath->set_config(0, 2);
  EXPECT_EQ(datapath->run(hook, tcp(GetParam(), kAck, 1000)).action,
            static_cast<std::uint32_t>(POLICYC_DROP));
}

// A finish program that runs although no policy has answered: it must not take the answer to an
// earlier packet for its own.
TEST_P(PolicyProgram, AnEarlierAnswerIsNotUsedAgain) {
  const auto datapath = Datapath::ready(Policy::AllowAll);
  const Hook hook = GetParam().hook;
  expect_pass(*datapath, hook, tcp(GetParam(), kSyn, 1000));
  datapath->put(
      "policies", POLICYC_POLICY_INDEX(kSlot, direction(hook)),
      datapath->program(direction(hook) == POLICYC_INGRESS ? "finish_ingress" : "finish_egress"));
  expect_drop(*datapath, hook, tcp(GetParam(), kSyn, 1001), DROP_MISSING_STATE);
}

TEST_P(PolicyProgram, EstablishedPacketsDoNotAsk) {
  const auto datapath = Datapath::ready(Policy::AllowAll);
  const Hook hook = GetParam().hook;
  expect_pass(*datapath, hook, tcp(GetParam(), kSyn));
  datapath->set_endpoint(0, 0);
  expect_pass(*datapath, hook, tcp(GetParam(), kAck));
  expect_pass(*datapath, opposite(hook), tcp_reply(GetParam(), kSyn | kAck));
  expect_drop(*datapath, hook, tcp(GetParam(), kSyn, 41000), DROP_POLICY_MISSING);
  datapath->set_config(0, 2);
  expect_drop(*datapath, hook, tcp(GetParam(), kAck), DROP_POLICY_MISSING);
  EXPECT_EQ(datapath->connection(GetParam().family)->policy_epoch, 1U)
      << "nobody decided, so nothing is remembered";
  datapath->set_endpoint();
  expect_pass(*datapath, hook, tcp(GetParam(), kAck));
  EXPECT_EQ(datapath->connection(GetParam().family)->policy_epoch, 2U);
}

TEST_P(PolicyProgram, TheEndpointsEntryChoosesTheShape) {
  const auto datapath = Datapath::ready(Policy::AllowAll);
  datapath->add_policy(Policy::DenyAll, 2);
  const Hook hook = GetParam().hook;
  expect_pass(*datapath, hook, tcp(GetParam(), kSyn, 1000));
  datapath->set_endpoint(0, 2);
  const event record =
      expect_drop(*datapath, hook, tcp(GetParam(), kSyn, 1001), DROP_POLICY_DEFAULT_DENY);
  EXPECT_EQ(record.shape_tag, kShapeTag + 2);
  datapath->set_config(0, 2);
  expect_drop(*datapath, hook, tcp(GetParam(), kAck, 1000), DROP_POLICY_DEFAULT_DENY,
              "an old connection is asked about again");
}

// While one thread switches the endpoint between two policies, packets that both allow all pass and
// packets that both deny never do.
TEST_P(PolicyProgram, SwitchingUnderTrafficLosesNothingAndLeaksNothing) {
  const auto datapath =
      Datapath::ready(Policy::Matrix, [](bpf_object* object) { set_connections(object, 65536); });
  datapath->add_policy(Policy::Matrix, 2);
  std::atomic<bool> stop = false;
  std::uint32_t switches = 0;
  std::thread switcher([&] {
    for (std::uint32_t slot = 2; !stop; slot = 3 - slot, ++switches)
      datapath->set_endpoint(0, slot);
  });
  const Hook hook = GetParam().hook;
  std::uint32_t lost = 0;
  std::uint32_t leaked = 0;
  std::uint32_t foreign = 0;
  for (std::uint16_t port = 1024; port < 9024; ++port) {
    lost += datapath->run(hook, tcp(GetParam(), kSyn, port, 80)).action !=
            static_cast<std::uint32_t>(POLICYC_PASS);
    leaked += datapath->run(hook, tcp(GetParam(), kSyn, port, 81)).action != POLICYC_DROP;
    for (const event& record : datapath->drain_events())
      foreign += record.shape_tag != kShapeTag + 1 && record.shape_tag != kShapeTag + 2;
  }
  stop = true;
  switcher.join();
  EXPECT_EQ(lost, 0U);
  EXPECT_EQ(leaked, 0U);
  EXPECT_EQ(foreign, 0U);
  EXPECT_GT(switches, 100U);
}

}  // namespace
}  // namespace policyc::kernel_test
