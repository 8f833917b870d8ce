// loader/reconcile/plan: from what is to what should be.

#include "loader/reconcile/plan.h"

#include <gmock/gmock.h>

namespace policyc::testing {
namespace {

using namespace reconcile;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class PlanTest : public ::testing::Test {
 protected:
  PlanTest() {
    input_.dropped = &dropped_;
    input_.objects = &objects_;
    actual_.loaded = true;
  }

  WantedEndpoint& want(const std::string& name, const std::string& shape = "a") {
    WantedEndpoint endpoint;
    endpoint.key = name;
    endpoint.interface = "lxc-" + name;
    endpoint.interface_index = next_++;
    endpoint.addresses = {*parse_ip_address("10.0.0." + std::to_string(endpoint.interface_index))};
    endpoint.labels.add({"k8s", "app", name});
    endpoint.shape = shape;
    wanted_.push_back(endpoint);
    return wanted_.back();
  }
  // As the wanted one, with the key "h_<shape>".
  ActualEndpoint& have(const WantedEndpoint& wanted, const std::string& shape = "a") {
    ActualEndpoint endpoint;
    endpoint.record.id = static_cast<std::uint16_t>(actual_.endpoints.size() + 1);
    endpoint.record.interface = wanted.interface;
    endpoint.record.interface_index = wanted.interface_index;
    endpoint.record.addresses = wanted.addresses;
    endpoint.record.labels = wanted.labels;
    endpoint.record.shape = "h_" + shape;
    return actual_.endpoints[endpoint.record.id] = endpoint;
  }
  void compiled(const std::string& shape) { objects_[shape] = "h_" + shape; }
  Plan plan() {
    input_.wanted = wanted_;
    return make_plan(actual_, input_);
  }

  Actual actual_;
  std::vector<WantedEndpoint> wanted_;
  std::set<std::string> dropped_;
  std::map<std::string, std::string> objects_;
  PlanInput input_;
  std::uint32_t next_ = 1;
};

TEST_F(PlanTest, NothingIsDoneWhereNothingDiffers) {
  have(want("web"));
  compiled("a");
  const Plan result = plan();
  EXPECT_THAT(result.steps, IsEmpty());
  EXPECT_THAT(result.compile, IsEmpty());
  EXPECT_THAT(result.settled, ElementsAre("web"));
}

TEST_F(PlanTest, AnEndpointWithoutAShapeIsLeftAlone) {
  have(want("web", ""), "old");
  const Plan result = plan();
  EXPECT_THAT(result.steps, IsEmpty());
  EXPECT_THAT(result.compile, IsEmpty());
  EXPECT_THAT(result.settled, IsEmpty());
}

TEST_F(PlanTest, AnotherKindOfHookIsARebuildOnlyWhereItIsAskedFor) {
  have(want("web")).record.hook = attach::HookKind::Clsact;
  compiled("a");
  EXPECT_THAT(plan().steps, IsEmpty());
  wanted_[0].hook = attach::HookKind::Clsact;
  EXPECT_THAT(plan().steps, IsEmpty());
  wanted_[0].hook = attach::HookKind::Tcx;
  const Plan result = plan();
  ASSERT_EQ(result.steps.size(), 1U);
  EXPECT_EQ(std::get<LoadStep>(result.steps[0]).urgency, Urgency::Rebuild);
}

TEST_F(PlanTest, ALargerGenerationOfAShapeIsTheShape) {
  have(want("web")).record.shape = "h_a_2";
  compiled("a");
  EXPECT_THAT(plan().steps, IsEmpty());
}

TEST_F(PlanTest, EachShapeIsCompiledOnceAndForNewPodsFirst) {
  have(want("old", "b"), "z");
  have(want("older", "b"), "z");
  want("new", "c");
  const Plan result = plan();
  EXPECT_THAT(result.steps, IsEmpty());
  EXPECT_THAT(result.compile,
              ElementsAre(CompileStep{"c", Urgency::NewPod}, CompileStep{"b", Urgency::Rebuild}));
}

TEST_F(PlanTest, AShapeThatANewPodNeedsIsUrgentForAll) {
  have(want("old", "b"), "z");
  want("new", "b");
  EXPECT_THAT(plan().compile, ElementsAre(CompileStep{"b", Urgency::NewPod}));
}

TEST_F(PlanTest, NewPodsGoBeforeRebuildsAndTakeTheInventoryAlong) {
  have(want("old", "b"), "a");
  want("new", "a");
  compiled("a");
  compiled("b");
  input_.inventory_changed = input_.only_peers_changed = true;
  EXPECT_THAT(plan().steps, ElementsAre(Step{LoadStep{{1}, Urgency::NewPod, true}},
                                        Step{LoadStep{{0}, Urgency::Rebuild, false}}));
}

TEST_F(PlanTest, EveryDifferenceIsARebuild) {
  compiled("a");
  for (int what = 0; what < 4; ++what) {
    wanted_.clear();
    actual_.endpoints.clear();
    WantedEndpoint& wanted = want("web");
    have(wanted);
    if (what == 0) wanted.audit = true;
    if (what == 1) wanted.labels.set({"k8s", "app", "other"});
    if (what == 2) wanted.mac = endpoint::parse_mac("02:00:00:00:00:01");
    if (what == 3) wanted.shape = "b", compiled("b");
    EXPECT_THAT(plan().steps, ElementsAre(Step{LoadStep{{0}, Urgency::Rebuild, false}})) << what;
  }
}

TEST_F(PlanTest, WhatIsNotEnforcedOrOfAnInterfaceMadeAnewIsAsUrgentAsANewPod) {
  compiled("a");
  for (int what = 0; what < 3; ++what) {
    wanted_.clear();
    actual_.endpoints.clear();
    ActualEndpoint& actual = have(want("web"));
    if (what == 0) actual.enforced = false;
    if (what == 1) actual.record.interface_index = 99;
    if (what == 2) actual.record.addresses = {*parse_ip_address("10.9.9.9")};
    EXPECT_THAT(plan().steps, ElementsAre(Step{LoadStep{{0}, Urgency::NewPod, false}})) << what;
  }
}

TEST_F(PlanTest, BatchesAreBoundedAndThoseThatFailedTogetherGoAlone) {
  compiled("a");
  for (int i = 0; i < 5; ++i) want("p" + std::to_string(i));
  wanted_[1].alone = true;
  wanted_[3].held = true;
  input_.max_batch = 2;
  EXPECT_THAT(plan().steps, ElementsAre(Step{LoadStep{{0, 2}, Urgency::NewPod, false}},
                                        Step{LoadStep{{4}, Urgency::NewPod, false}},
                                        Step{LoadStep{{1}, Urgency::NewPod, false}}));
}

TEST_F(PlanTest, AnEndpointThatIsHeldIsNotCompiledForEither) {
  want("web", "b").held = true;
  EXPECT_THAT(plan().compile, IsEmpty());
}

TEST_F(PlanTest, WhatWasLoadedByHandStays) {
  WantedEndpoint by_hand;
  by_hand.interface = "lxc-hand";
  by_hand.interface_index = 50;
  have(by_hand);
  EXPECT_THAT(plan().steps, IsEmpty());
}

TEST_F(PlanTest, WhoseAddressIsNeededGoesFirst) {
  compiled("a");
  WantedEndpoint& fresh = want("new");
  WantedEndpoint old = fresh;
  old.interface = "lxc-old";
  old.interface_index = 60;
  const auto blocker = have(old).record.id;
  old.interface = "lxc-older";
  old.interface_index = 61;
  old.addresses = {*parse_ip_address("10.0.1.1")};
  const auto leaver = have(old).record.id;
  dropped_ = {"lxc-old", "lxc-older"};
  EXPECT_THAT(plan().steps, ElementsAre(Step{UpdateStep{{blocker}, false}},
                                        Step{LoadStep{{0}, Urgency::NewPod, false}},
                                        Step{UpdateStep{{leaver}, false}}));
}

TEST_F(PlanTest, PeersAloneAreMapWrites) {
  have(want("web"));
  compiled("a");
  input_.inventory_changed = input_.only_peers_changed = true;
  EXPECT_THAT(plan().steps, ElementsAre(Step{PeersStep{}}));
  input_.only_peers_changed = false;
  EXPECT_THAT(plan().steps, ElementsAre(Step{UpdateStep{{}, true}}));
}

TEST_F(PlanTest, ARepairComesBeforePeers) {
  have(want("web"));
  compiled("a");
  input_.inventory_changed = input_.only_peers_changed = true;
  actual_.dirty = true;
  EXPECT_THAT(plan().steps, ElementsAre(Step{UpdateStep{{}, true}}));
  input_.inventory_changed = false;
  actual_.dirty = false;
  actual_.outdated = true;
  EXPECT_THAT(plan().steps, ElementsAre(Step{UpdateStep{{}, false}}));
}

TEST_F(PlanTest, AnOptionOfTheNodeIsAnUpdate) {
  have(want("web"));
  compiled("a");
  input_.node_changed = true;
  EXPECT_THAT(plan().steps, ElementsAre(Step{UpdateStep{{}, false}}));
}

TEST_F(PlanTest, TheFirstEndpointsBringWhatExistsWithThem) {
  input_.inventory_changed = true;
  EXPECT_THAT(plan().steps, ElementsAre(Step{UpdateStep{{}, true}})) << "nobody is there";
  want("web");
  EXPECT_THAT(plan().steps, IsEmpty()) << "its policy is compiled first";
  compiled("a");
  EXPECT_THAT(plan().steps, ElementsAre(Step{LoadStep{{0}, Urgency::NewPod, true}}));
}

TEST_F(PlanTest, WithoutMapsThereAreNoPeers) {
  actual_.loaded = false;
  input_.inventory_changed = input_.only_peers_changed = input_.node_changed = true;
  EXPECT_THAT(plan().steps, IsEmpty());
}

}  // namespace
}  // namespace policyc::testing
