// loader/endpoint: the node's programs, and the slots through which they reach policies.

#include "loader/endpoint/datapath.h"

#include <atomic>
#include <thread>

#include <gmock/gmock.h>

#include "loader/bpf/bpffs.h"
#include "loader/endpoint/shapes.h"
#include "loader/endpoint/unload.h"
#include "tests/unit/loader/load_fixture.h"

namespace policyc::testing {
namespace {

using ::testing::ElementsAre;

INSTANTIATE_TEST_SUITE_P(Hooks, LoadTest,
                         ::testing::Values(attach::HookChoice::Tcx, attach::HookChoice::Clsact),
                         [](const auto& test) {
                           return test.param == attach::HookChoice::Tcx ? "tcx" : "clsact";
                         });

// Another build of the datapath: other bytes, the same behaviour.
const backend::Bytes& other_datapath() {
  static const backend::Bytes bytes = [] {
    const auto ours = backend::datapath_object();
    backend::Bytes result(ours.begin(), ours.end());
    must(backend::set_rodata(result, "have_ipv6", backend::Bytes{0}));
    return result;
  }();
  return bytes;
}

bool filled(const endpoint::Paths& paths, std::uint32_t slot, std::uint32_t direction) {
  const auto maps = must(maps::NodeMaps::open(paths.maps()));
  return must(maps.policies.lookup(POLICYC_POLICY_INDEX(slot, direction))).has_value();
}

TEST_P(LoadTest, OneDatapathServesEveryShape) {
  const Pod first("web0", "10.9.1.1");
  const Pod second("web1", "10.9.1.2");
  must(endpoint::load_endpoint(paths_, request(object("client", 53), first)));
  must(endpoint::load_endpoint(paths_, request(object("other", 54), second)));
  const auto shown = status();
  for (const attach::Side side : attach::kSides) {
    const auto index = static_cast<std::size_t>(side);
    EXPECT_EQ(shown.endpoints[0].programs[index]->id, shown.endpoints[1].programs[index]->id);
    EXPECT_NE(shown.endpoints[0].policy_programs[index]->id,
              shown.endpoints[1].policy_programs[index]->id);
  }
  EXPECT_THAT(bpf::list(paths_.programs()),
              ElementsAre(endpoint::datapath_version(backend::datapath_object())));
  EXPECT_TRUE(first.reached_from(kClient, 53));
  EXPECT_FALSE(first.reached_from(kOther, 54));
  EXPECT_TRUE(second.reached_from(kOther, 54));
  EXPECT_FALSE(second.reached_from(kClient, 53));
}

TEST_P(LoadTest, APolicyIsReplacedByItsSlotAlone) {
  const Pod web("web0", "10.9.1.1");
  const auto first = must(endpoint::load_endpoint(paths_, request(object("client", 53), web)));
  const auto before = status().endpoints[0].programs;
  // The slot of the policy in force is not free before the change is over.
  const auto second = must(endpoint::load_endpoint(paths_, request(object("other", 54), web)));
  const auto third = must(endpoint::load_endpoint(paths_, request(object("client", 55), web)));
  EXPECT_EQ(first.slot, 1U);
  EXPECT_EQ(second.slot, 2U);
  EXPECT_EQ(third.slot, 1U);
  for (const std::uint32_t direction : {0U, 1U}) {
    EXPECT_TRUE(filled(paths_, 1, direction));
    EXPECT_FALSE(filled(paths_, 2, direction));
  }
  EXPECT_EQ(status().endpoints[0].programs[0]->id, before[0]->id) << "the attachment stays";
  EXPECT_EQ(status().endpoints[0].programs[1]->id, before[1]->id);
  must(endpoint::unload_endpoint(paths_, "web0"));
  EXPECT_FALSE(filled(paths_, 1, POLICYC_INGRESS));
  EXPECT_TRUE(must(endpoint::read_state(paths_)).slots.empty());
}

TEST_P(LoadTest, AnEmptySlotDeniesAndIsFilledByTheNextLoad) {
  const Pod web("web0", "10.9.1.1");
  const auto report = must(endpoint::load_endpoint(paths_, request(object("client", 53), web)));
  const auto maps = must(maps::NodeMaps::open(paths_.maps()));
  must(endpoint::clear_slot(maps.policies, report.slot));
  EXPECT_FALSE(web.reached_from(kClient, 53));
  EXPECT_FALSE(web.reaches(kOther, 5353));
  EXPECT_FALSE(status().endpoints[0].enforced());
  const auto counters = must(maps::read_counters(maps));
  EXPECT_TRUE(std::any_of(counters.begin(), counters.end(), [](const maps::Counter& counter) {
    return counter.reason == DROP_POLICY_MISSING && counter.packets != 0;
  }));
  must(endpoint::load_endpoint(paths_, request(object("client", 53), web)));
  EXPECT_TRUE(web.reached_from(kClient, 53));
  EXPECT_TRUE(status().endpoints[0].enforced());
}

TEST_P(LoadTest, WithoutFinishProgramsNothingNewPasses) {
  const Pod web("web0", "10.9.1.1");
  must(endpoint::load_endpoint(paths_, request(object("client", 53), web)));
  const auto maps = must(maps::NodeMaps::open(paths_.maps()));
  for (const std::uint32_t direction : {0U, 1U}) must(maps.policy_finish.erase(direction));
  EXPECT_FALSE(web.reached_from(kClient, 53));
  must(endpoint::load_endpoint(paths_, request(object("client", 53), web)));
  EXPECT_TRUE(web.reached_from(kClient, 53));
}

TEST_P(LoadTest, SlotsAreForShapesNotEndpointsAndRunOut) {
  const Pod first("web0", "10.9.1.1");
  const Pod second("web1", "10.9.1.2");
  auto small = request(object("client", 53), first);
  small.sizes.shapes = 2;  // slots 0 and 1
  must(endpoint::load_endpoint(paths_, small));
  must(endpoint::load_endpoint(paths_, request(object("client", 53), second)));
  const auto full = endpoint::load_endpoint(paths_, request(object("other", 54), second));
  ASSERT_FALSE(full);
  EXPECT_THAT(full.error().message, ::testing::HasSubstr("room for 1"));
  EXPECT_TRUE(second.reached_from(kClient, 53)) << "the old policy stays";
  EXPECT_EQ(endpoint::list_shapes(paths_).size(), 1U);
}

TEST_P(LoadTest, AnotherDatapathTakesOverUnderTraffic) {
  const Pod web("web0", "10.9.1.1");
  const Pod second("web1", "10.9.1.2");
  const auto& policy = object("client", 53);
  must(endpoint::load_endpoint(paths_, request(policy, web)));
  const auto before = status().endpoints[0].programs[0]->id;
  const bpf::Fd server = web.udp_socket(53);
  std::atomic<bool> stop = false;
  std::uint64_t sent = 0;
  std::uint64_t lost = 0;
  std::uint64_t passed = 0;
  std::thread traffic([&] {
    const bpf::Fd foe = host_udp_socket(kOther, 0);
    for (; !stop || sent < 100; ++sent) {
      const bpf::Fd client = host_udp_socket(kClient, 0);
      send_datagram(foe, web.address(), 53);
      send_datagram(client, web.address(), 53);
      const auto source = sender_of_next(server);
      lost += source.empty() ? 1U : 0U;
      passed += source == kOther ? 1U : 0U;
    }
  });
  for (int i = 0; i < 6; ++i) {
    auto other = request(policy, second);
    if (i % 2 == 0) other.datapath = other_datapath();
    must(endpoint::load_endpoint(paths_, other));
    EXPECT_EQ(bpf::list(paths_.programs()).size(), 1U) << "the version before is gone";
  }
  auto last = request(policy, second);
  last.datapath = other_datapath();
  must(endpoint::load_endpoint(paths_, last));
  stop = true;
  traffic.join();
  EXPECT_EQ(lost, 0U) << "of " << sent;
  EXPECT_EQ(passed, 0U) << "of " << sent;
  EXPECT_THAT(bpf::list(paths_.programs()),
              ElementsAre(endpoint::datapath_version(other_datapath())));
  EXPECT_NE(status().endpoints[0].programs[0]->id, before);
  EXPECT_EQ(status().endpoints[0].programs[0]->id, status().endpoints[1].programs[0]->id);
}

TEST_P(LoadTest, AnInterruptedTakeoverIsFinished) {
  const Pod web("web0", "10.9.1.1");
  const Pod second("web1", "10.9.1.2");
  must(endpoint::load_endpoint(paths_, request(object("client", 53), web)));
  const auto before = status().endpoints[0].programs[0]->id;
  {
    // As if the process had died when the other version was loaded and half installed.
    const auto maps = must(maps::NodeMaps::open(paths_.maps()));
    const auto half = must(endpoint::ensure_datapath(paths_, maps, other_datapath()));
    must(maps.policy_finish.update(0, static_cast<std::uint32_t>(half.finish[0].get())));
    must(bpf::ensure_directory(paths_.programs() / "feedbeef_making"));
  }
  EXPECT_TRUE(web.reached_from(kClient, 53));
  EXPECT_FALSE(web.reached_from(kOther, 53));
  auto other = request(object("client", 53), second);
  other.datapath = other_datapath();
  must(endpoint::load_endpoint(paths_, other));
  EXPECT_NE(status().endpoints[0].programs[0]->id, before);
  EXPECT_THAT(bpf::list(paths_.programs()),
              ElementsAre(endpoint::datapath_version(other_datapath())));
  EXPECT_TRUE(web.reached_from(kClient, 53));
}

// The process died when the state named the new shape and the kernel still the old one.
TEST_P(LoadTest, AShapeThatTheKernelStillNamesIsKept) {
  const Pod web("web0", "10.9.1.1");
  const Pod second("web1", "10.9.1.2");
  const auto old = must(endpoint::load_endpoint(paths_, request(object("client", 53), web)));
  const auto other = must(endpoint::load_endpoint(paths_, request(object("other", 54), second)));
  auto state = must(endpoint::read_state(paths_));
  state.dirty = true;
  for (auto& record : state.endpoints) record.shape = other.shape;
  must(endpoint::write_state(paths_, state));

  must(endpoint::load_endpoint(paths_, request(object("other", 54), second)));
  EXPECT_TRUE(web.reached_from(kClient, 53)) << "the old policy stays in force";
  EXPECT_FALSE(web.reached_from(kOther, 54));
  EXPECT_TRUE(status().endpoints[0].enforced());
  EXPECT_THAT(endpoint::list_shapes(paths_), ::testing::Contains(old.shape));
  EXPECT_THAT(must(endpoint::read_state(paths_)).slots,
              ::testing::Contains(::testing::Key(old.shape)));

  must(endpoint::load_endpoint(paths_, request(object("other", 54), web)));
  EXPECT_TRUE(web.reached_from(kOther, 54));
  EXPECT_FALSE(web.reached_from(kClient, 53));
  EXPECT_THAT(endpoint::list_shapes(paths_), ElementsAre(other.shape));
}

}  // namespace
}  // namespace policyc::testing
