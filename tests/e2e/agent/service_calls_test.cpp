// policyd that balances services is killed before each system call by which a change of a service,
// a start with other devices or sockets, or `--cleanup` changes the kernel or the disk: connections
// go on, what is denied stays out, and the next one finishes. Some of the calls; with
// POLICYC_EVERY_CALL=1 all of them.

#include <csignal>

#include "loader/bpf/bpffs.h"
#include "tests/e2e/agent/balanced_node.h"
#include "tests/e2e/agent/cut_short.h"

namespace policyc::testing {
namespace {

const std::set<std::string> kNobody{""};
const std::set<std::string> kFirst{"10.9.1.1"};
const std::set<std::string> kBoth{"10.9.1.1", "10.9.1.2"};

class ServiceCalls : public BalancedNode {
 protected:
  // Who answers the pod that asks, and others whom this kind of node serves.
  void expect_takers(const std::set<std::string>& wanted, const std::string& when) {
    asking_.inside([&] { EXPECT_EQ(takers(kClusterIp, 80), wanted) << when; });
    expect_others(wanted, when);
  }
  void expect_others(const std::set<std::string>& wanted, const std::string& when) {
    if (GetParam().sockets) {
      EXPECT_EQ(takers(kClusterIp, 80), wanted) << when;
    }
    if (GetParam().devices) {
      outside_.inside([&] { EXPECT_EQ(takers(kNode, 30080), wanted) << when; });
    }
  }
};

TEST_P(ServiceCalls, AChangeThatIsCutShortBeforeAnyCallIsMadeByTheNext) {
  bool both = false;
  int killed = 0;
  int call = 1;
  for (; call < 2000; call += stride(3)) {
    const std::string when = "call " + std::to_string(call);
    kill();
    start_as(cut_short(command(settings()), call, Count::FromSignal));
    ASSERT_TRUE(settled()) << when;
    expect_takers(both ? kBoth : kFirst, when);
    both = !both;
    const auto before = revision();
    agent_->send(SIGUSR1);
    write("service.yaml", both ? service({"10.9.1.1", "10.9.1.2"}) : service({"10.9.1.1"}));
    const bool dead = dies_before_passing(before);
    expect_goes_on(when.c_str());
    expect_answered(when.c_str());
    if (!dead) break;
    ++killed;
  }
  expect_takers(both ? kBoth : kFirst, "the end");
  EXPECT_GE(killed, 3);
  RecordProperty("calls", call);
  RecordProperty("killed", killed);
  report_loss();
  EXPECT_EQ(unanswered(), 0U);
}

INSTANTIATE_TEST_SUITE_P(Kinds, ServiceCalls,
                         ::testing::Values(Kind{"packets_tcx", "tcx", false, false, 0},
                                           Kind{"sockets", "tcx", true, false, 0},
                                           Kind{"devices_tcx", "tcx", false, true, 0},
                                           Kind{"devices_clsact", "clsact", false, true, 0}),
                         [](const auto& kind) { return std::string(kind.param.name); });

// Programs of devices and sockets come and go.
class ProgramCalls : public ServiceCalls {
 protected:
  // Without them only pods are served.
  [[nodiscard]] std::vector<std::string> less() const {
    return {"--attach", GetParam().hook,  "--kube-proxy-replacement",
            "true",     "--node-address", kNode};
  }
  void watch_pods_alone() {
    callers_.resize(1);
    std::erase_if(streams_, [](const auto& stream) {
      return stream.first != "of a pod through the service";
    });
  }
};

TEST_P(ProgramCalls, AStartWithMoreOrLessThatIsCutShortBeforeAnyCallIsFinishedByTheNext) {
  watch_pods_alone();
  bool more = true;
  int killed = 0;
  int call = 1;
  for (; call < 2000; call += stride(7)) {
    const std::string when = "call " + std::to_string(call);
    more = !more;
    const auto wanted = more ? settings() : less();
    kill();
    start_as(cut_short(command(wanted), call));
    const bool dead = dies_first();
    expect_goes_on(when.c_str());
    expect_answered(when.c_str());
    if (dead) {
      ++killed;
      agent_->wait();
      ASSERT_NO_FATAL_FAILURE(start_synced(wanted)) << when;
    }
    expect_others(more ? kFirst : kNobody, when);
    if (!dead) break;
  }
  EXPECT_GE(killed, 4);
  RecordProperty("calls", call);
  RecordProperty("killed", killed);
  report_loss();
  EXPECT_EQ(unanswered(), 0U);
}

// What it leaves is nothing, whoever was killed before, and a node can be made of it again.
TEST_P(ProgramCalls, ACleanupThatIsCutShortBeforeAnyCallIsFinishedByTheNext) {
  const auto clean_up = [this](std::optional<int> call) {
    auto arguments = command(settings());
    arguments.emplace_back("--cleanup");
    if (call) arguments = cut_short(arguments, *call);
    test::ChildProcess child(arguments);
    const int code = child.wait();
    EXPECT_TRUE(code == 0 || (call && code == kKilled)) << child.output();
    return code == 0;
  };
  callers_.clear();
  strangers_.clear();
  streams_.clear();
  intruder_.reset();
  int killed = 0;
  int call = 1;
  for (bool done = false; !done && call < 2000; call += stride(31)) {
    const std::string when = "call " + std::to_string(call);
    kill();
    done = clean_up(call);
    if (!done) {
      // The next one is an agent that goes on, or finishes.
      if (++killed % 2 == 0) {
        ASSERT_NO_FATAL_FAILURE(start_agent()) << when;
        ASSERT_NO_FATAL_FAILURE(add_pods()) << when;
        expect_takers(kFirst, when);
        EXPECT_FALSE(web_.reached_from(kOther, 61)) << when;
        kill();
      }
      EXPECT_TRUE(clean_up({})) << when;
    }
    EXPECT_FALSE(bpf::exists(paths_.bpffs)) << when;
    for (const Pod* pod : {&web_, &asking_, &outside_})
      shell("test -z \"$(tc filter show dev " + pod->host() + " ingress)\"");
    EXPECT_TRUE(web_.reached_from(kOther, 61)) << when;
    ASSERT_NO_FATAL_FAILURE(start_agent()) << when;
    ASSERT_NO_FATAL_FAILURE(add_pods()) << when;
    expect_takers(kFirst, when);
    EXPECT_FALSE(web_.reached_from(kOther, 61)) << when;
  }
  EXPECT_GE(killed, 4);
  RecordProperty("calls", call);
  RecordProperty("killed", killed);
}

INSTANTIATE_TEST_SUITE_P(Kinds, ProgramCalls,
                         ::testing::Values(Kind{"sockets", "tcx", true, false, 0},
                                           Kind{"devices_tcx", "tcx", false, true, 0},
                                           Kind{"devices_clsact", "clsact", false, true, 0}),
                         [](const auto& kind) { return std::string(kind.param.name); });

}  // namespace
}  // namespace policyc::testing
