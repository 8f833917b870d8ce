// loader/reconcile/reconciler: failures, retries and what the statuses say, with a node that is
// none.

#include "loader/reconcile/reconciler.h"

#include <gmock/gmock.h>

#include "tests/unit/agent/fake_node.h"
#include "tests/unit/loader/programs.h"

namespace policyc::testing {
namespace {

using namespace std::chrono_literals;
using namespace reconcile;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const backend::Bytes& object() {
  static const backend::Bytes bytes =
      compile_policies(
          "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: web, namespace: "
          "shop}\nspec:\n  endpointSelector: {matchLabels: {app: web}}\n  ingress:\n  - {}\n")
          .at(0);
  return bytes;
}

class ReconcilerTest : public ::testing::Test {
 protected:
  ReconcilerTest() : reconciler_(node_, options()) {
    EXPECT_TRUE(reconciler_.adopt([](std::uint32_t) { return true; }));
  }
  static ReconcilerOptions options() {
    ReconcilerOptions result;
    result.max_batch = 10;
    result.backoff = {100ms, 1000ms};
    return result;
  }
  static WantedEndpoint endpoint(FakeNode& node, const std::string& name) {
    WantedEndpoint result;
    result.key = name;
    result.interface = "lxc-" + name;
    const auto number = static_cast<std::uint32_t>(node.indices.size() + 1);
    result.interface_index = node.indices.try_emplace(result.interface, number).first->second;
    result.addresses = {*parse_ip_address("10.0.0." + std::to_string(result.interface_index))};
    return result;
  }
  void put(const std::string& name, const std::string& shape = "a") {
    reconciler_.put(endpoint(node_, name));
    if (!shape.empty()) reconciler_.set_shape(name, shape, labels(name), {}, now_);
  }
  static policy::LabelSet labels(const std::string& name) {
    policy::LabelSet set;
    set.add({"k8s", "app", name});
    return set;
  }
  void compiled(const std::string& shape = "a") {
    ASSERT_TRUE(reconciler_.add_object(shape, object()));
  }
  // Until there is nothing to do at this time; the time of the next attempt.
  std::optional<TimePoint> settle() {
    for (int steps = 0; steps < 100; ++steps) {
      const auto next = reconciler_.step(now_);
      if (!next || *next > now_) return next;
    }
    ADD_FAILURE() << "it never rests";
    return {};
  }
  [[nodiscard]] const EndpointStatus& status(const std::string& name) const {
    return *reconciler_.status(name);
  }

  FakeNode node_;
  Reconciler reconciler_;
  TimePoint now_{1h};
};

TEST_F(ReconcilerTest, ANewPodWaitsForItsObjectAndIsReadyOnceLoaded) {
  put("web");
  reconciler_.set_revision(3);
  EXPECT_THAT(reconciler_.missing(now_), ElementsAre(CompileStep{"a", Urgency::NewPod}));
  EXPECT_FALSE(settle());
  EXPECT_EQ(status("web").state, EndpointState::Waiting);
  EXPECT_EQ(reconciler_.realized(), 0U);
  compiled();
  EXPECT_FALSE(settle());
  EXPECT_THAT(node_.take_log(), ElementsAre("load lxc-web"));
  EXPECT_EQ(status("web").state, EndpointState::Ready);
  EXPECT_EQ(reconciler_.revision_of(status("web")), 3U);
  EXPECT_EQ(status("web").id, 1);
  EXPECT_EQ(status("web").identity, 300U);
  EXPECT_EQ(reconciler_.realized(), 3U);
  EXPECT_TRUE(reconciler_.at_rest());
}

TEST_F(ReconcilerTest, OneBadEndpointHoldsUpNoOther) {
  node_.bad = {"lxc-b"};
  for (const char* name : {"a", "b", "c"}) put(name, "a");
  compiled();
  const auto next = settle();
  EXPECT_THAT(node_.take_log(),
              ElementsAre("load lxc-a lxc-b lxc-c", "load lxc-a", "load lxc-b", "load lxc-c"));
  EXPECT_EQ(status("a").state, EndpointState::Ready);
  EXPECT_EQ(status("c").state, EndpointState::Ready);
  EXPECT_EQ(status("b").state, EndpointState::Waiting) << "nothing of it is enforced";
  EXPECT_EQ(status("b").failures, 1U);
  EXPECT_EQ(status("b").error, "lxc-b is bad");
  ASSERT_TRUE(next);
  EXPECT_EQ(next, status("b").next_attempt);
  EXPECT_GE(*next, now_ + 75ms);
  EXPECT_LE(*next, now_ + 125ms);
}

TEST_F(ReconcilerTest, RetriesComeLaterAndLaterUntilOneSucceeds) {
  node_.bad = {"lxc-b"};
  put("b", "a");
  compiled();
  auto before = 0ns;
  for (std::uint32_t failures = 1; failures <= 3; ++failures) {
    const auto next = settle();
    ASSERT_TRUE(next);
    EXPECT_EQ(status("b").failures, failures);
    const auto wait = std::chrono::nanoseconds(*next - now_);
    EXPECT_GT(wait, before);
    before = wait;
    now_ = *next - 1ns;
    settle();
    EXPECT_EQ(status("b").failures, failures) << "not before its time";
    now_ = *next;
  }
  node_.bad.clear();
  EXPECT_FALSE(settle());
  EXPECT_EQ(status("b").state, EndpointState::Ready);
  EXPECT_EQ(status("b").failures, 0U);
  EXPECT_EQ(status("b").error, "");
}

TEST_F(ReconcilerTest, AFailedRebuildEnforcesWhatItDid) {
  put("web");
  compiled();
  settle();
  node_.bad = {"lxc-web"};
  reconciler_.set_shape("web", "b", labels("web"), {}, now_);
  EXPECT_EQ(status("web").state, EndpointState::Regenerating);
  EXPECT_TRUE(reconciler_.add_object("b", object()));
  // The same object again: what differs are the labels.
  reconciler_.set_shape("web", "b", labels("other"), {}, now_);
  settle();
  EXPECT_EQ(status("web").state, EndpointState::Failed);
  EXPECT_NE(status("web").shape, "");
}

TEST_F(ReconcilerTest, AnotherPolicyIsTriedAtOnce) {
  node_.bad = {"lxc-web"};
  put("web");
  compiled();
  ASSERT_TRUE(settle());
  node_.bad.clear();
  reconciler_.set_shape("web", "b", labels("web"), {}, now_);
  EXPECT_TRUE(reconciler_.add_object("b", object()));
  EXPECT_FALSE(settle());
  EXPECT_EQ(status("web").state, EndpointState::Ready);
}

TEST_F(ReconcilerTest, APolicyThatCannotBeComputedLeavesWhatRuns) {
  put("web");
  compiled();
  settle();
  node_.take_log();
  reconciler_.set_revision(2);
  for (int i = 0; i < 2; ++i) {
    reconciler_.set_shape("web", "", {}, "too many rules", now_);
    EXPECT_FALSE(settle()) << "only another resolution can help";
  }
  EXPECT_EQ(status("web").state, EndpointState::Failed);
  EXPECT_EQ(status("web").error, "too many rules");
  EXPECT_EQ(status("web").failures, 1U);
  EXPECT_EQ(reconciler_.realized(), 0U);
  EXPECT_THAT(node_.take_log(), IsEmpty());
  reconciler_.set_shape("web", "a", labels("web"), {}, now_);
  settle();
  EXPECT_EQ(status("web").state, EndpointState::Ready);
  EXPECT_EQ(reconciler_.realized(), 2U);
}

TEST_F(ReconcilerTest, AnObjectThatCannotBeMadeIsAskedForAgainLater) {
  put("web");
  reconciler_.fail_object("a", "the compiler died of it", now_);
  EXPECT_THAT(reconciler_.missing(now_), IsEmpty());
  EXPECT_THAT(status("web").error, HasSubstr("died"));
  now_ = *status("web").next_attempt;
  EXPECT_THAT(reconciler_.missing(now_), ElementsAre(CompileStep{"a", Urgency::NewPod}));
  compiled();
  settle();
  EXPECT_EQ(status("web").state, EndpointState::Ready);
}

TEST_F(ReconcilerTest, WhatGoesIsUnloadedAndWhoComesMeanwhileWaitsForNobody) {
  for (const char* name : {"a", "b"}) put(name, "a");
  compiled();
  settle();
  node_.take_log();
  reconciler_.remove("a");
  EXPECT_TRUE(reconciler_.is_loaded("lxc-a"));
  put("c", "a");
  settle();
  EXPECT_THAT(node_.take_log(), ElementsAre("load lxc-c", "update -lxc-a"));
  EXPECT_FALSE(reconciler_.is_loaded("lxc-a"));
  EXPECT_EQ(reconciler_.status("a"), nullptr);
}

TEST_F(ReconcilerTest, AnInterfaceThatWentAwayIsUnloadedAndKnownAsGone) {
  put("web");
  compiled();
  settle();
  node_.take_log();
  reconciler_.set_gone("web");
  settle();
  EXPECT_THAT(node_.take_log(), ElementsAre("update -lxc-web"));
  EXPECT_EQ(status("web").state, EndpointState::Gone);
  put("web");
  settle();
  EXPECT_EQ(status("web").state, EndpointState::Ready);
}

TEST_F(ReconcilerTest, PeersWithoutRoomBecomeAnUpdate) {
  put("web");
  compiled();
  settle();
  node_.take_log();
  const auto inventory = [](const char* address) {
    auto result = std::make_shared<endpoint::Inventory>();
    policy::Endpoint pod;
    pod.addresses = {*parse_ip_address(address)};
    result->cluster.endpoints.push_back(pod);
    return result;
  };
  reconciler_.set_inventory(inventory("10.1.0.1"));
  settle();
  EXPECT_THAT(node_.take_log(), ElementsAre("update +inventory")) << "there was none before";
  reconciler_.set_inventory(inventory("10.1.0.1"));
  settle();
  EXPECT_THAT(node_.take_log(), IsEmpty()) << "the same again";
  reconciler_.set_inventory(inventory("10.1.0.2"));
  settle();
  EXPECT_THAT(node_.take_log(), ElementsAre("peers"));
  node_.bad = {"room"};
  reconciler_.set_inventory(inventory("10.1.0.3"));
  settle();
  EXPECT_THAT(node_.take_log(), ElementsAre("peers", "update"));
  node_.bad = {"peers"};
  reconciler_.set_inventory(inventory("10.1.0.4"));
  settle();
  EXPECT_THAT(node_.take_log(), ElementsAre("peers", "update +inventory"));
}

// Where all is as it should be a change of peers looks at no endpoint, and all have what was
// wanted.
TEST_F(ReconcilerTest, PeersAloneAreARevisionOfEveryEndpoint) {
  put("a");
  put("b");
  compiled();
  reconciler_.set_inventory(std::make_shared<endpoint::Inventory>());
  settle();
  node_.take_log();
  const auto change = [this](std::uint64_t revision) {
    auto inventory = std::make_shared<endpoint::Inventory>();
    policy::Endpoint pod;
    pod.addresses = {*parse_ip_address("10.1.0." + std::to_string(revision))};
    inventory->cluster.endpoints.push_back(pod);
    reconciler_.set_revision(revision);
    reconciler_.set_inventory(inventory);
  };
  change(7);
  EXPECT_EQ(reconciler_.revision_of(status("a")), 0U);
  settle();
  EXPECT_THAT(node_.take_log(), ElementsAre("peers"));
  EXPECT_THAT(reconciler_.missing(now_), IsEmpty());
  EXPECT_EQ(reconciler_.realized(), 7U);
  EXPECT_EQ(reconciler_.revision_of(status("a")), 7U);
  EXPECT_EQ(reconciler_.failing(), 0U);
  // One that comes has not got there; the others stay where they are.
  put("c", "other");
  reconciler_.set_revision(8);
  settle();
  EXPECT_EQ(reconciler_.realized(), 7U);
  EXPECT_EQ(reconciler_.revision_of(status("a")), 8U);
  EXPECT_EQ(reconciler_.revision_of(status("c")), 0U);
  change(9);
  settle();
  EXPECT_THAT(node_.take_log(), ElementsAre("peers"));
  EXPECT_EQ(reconciler_.realized(), 7U) << "one has no policy";
  EXPECT_THAT(reconciler_.missing(now_), ElementsAre(CompileStep{"other", Urgency::NewPod}));
  reconciler_.set_shape("c", {}, {}, "no way", now_);
  EXPECT_EQ(reconciler_.failing(), 1U);
  reconciler_.remove("c");
  settle();
  EXPECT_EQ(reconciler_.realized(), 9U);
  EXPECT_EQ(reconciler_.failing(), 0U);
  const auto version = reconciler_.wanted_version();
  change(10);
  settle();
  EXPECT_EQ(reconciler_.wanted_version(), version);
  put("a");
  EXPECT_NE(reconciler_.wanted_version(), version);
}

TEST_F(ReconcilerTest, AFailedUpdateDoesNotHoldUpNewPods) {
  put("a", "a");
  compiled();
  settle();
  node_.take_log();
  node_.bad = {"update"};
  reconciler_.remove("a");
  const auto retry = settle();
  ASSERT_TRUE(retry);
  EXPECT_EQ(reconciler_.node_error(), "no update");
  put("b", "a");
  settle();
  EXPECT_EQ(status("b").state, EndpointState::Ready);
  node_.bad.clear();
  now_ = *retry;
  settle();
  EXPECT_FALSE(reconciler_.is_loaded("lxc-a"));
  EXPECT_EQ(reconciler_.node_error(), "");
}

TEST_F(ReconcilerTest, ARestartWithNothingChangedDoesNothing) {
  put("web");
  compiled();
  auto inventory = std::make_shared<endpoint::Inventory>();
  inventory->cluster.namespaces.edit()["shop"] = {};
  reconciler_.set_inventory(inventory);
  settle();
  node_.take_log();
  Reconciler next(node_, options());
  ASSERT_TRUE(next.adopt([](std::uint32_t) { return true; }));
  next.put(endpoint(node_, "web"));
  EXPECT_EQ(next.status("web")->state, EndpointState::Regenerating);
  EXPECT_FALSE(next.step(now_));
  next.set_inventory(std::make_shared<endpoint::Inventory>(*inventory));
  next.set_shape("web", "a", labels("web"), {}, now_);
  EXPECT_TRUE(next.add_object("a", object()));
  EXPECT_FALSE(next.step(now_));
  EXPECT_EQ(next.status("web")->state, EndpointState::Ready);
  EXPECT_THAT(node_.take_log(), IsEmpty());
}

TEST_F(ReconcilerTest, ARestartWithAnotherOptionOfTheNodeIsAnUpdate) {
  put("web");
  compiled();
  settle();
  node_.take_log();
  ReconcilerOptions other = options();
  other.node.deny_response = endpoint::DenyResponse::Icmp;
  Reconciler next(node_, other);
  ASSERT_TRUE(next.adopt([](std::uint32_t) { return true; }));
  while (next.step(now_)) {
  }
  EXPECT_THAT(node_.take_log(), ElementsAre("update"));
}

TEST_F(ReconcilerTest, ARestartTakesOffWhoseInterfaceIsGone) {
  put("web");
  compiled();
  settle();
  node_.take_log();
  Reconciler next(node_, options());
  ASSERT_TRUE(next.adopt([](std::uint32_t) { return false; }));
  while (next.step(now_)) {
  }
  EXPECT_THAT(node_.take_log(), ElementsAre("update -lxc-web"));
}

}  // namespace
}  // namespace policyc::testing
