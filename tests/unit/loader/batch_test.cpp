// loader/endpoint: several endpoints in one change, all or none.

#include <set>

#include <gmock/gmock.h>
#include <unistd.h>

#include "compiler/driver/object_meta.h"
#include "loader/bpf/bpffs.h"
#include "loader/endpoint/shapes.h"
#include "loader/endpoint/state.h"
#include "loader/endpoint/unload.h"
#include "tests/unit/loader/death.h"
#include "tests/unit/loader/load_fixture.h"
#include "tests/unit/loader/shapes.h"

namespace policyc::testing {
namespace {

using endpoint::LoadReport;
using endpoint::LoadRequest;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

// A good description, of a policy that needs no maps, on a program that the verifier refuses.
const backend::Bytes& refused_object() {
  static const backend::Bytes bytes = [] {
    const auto bad = compile_c(R"(
__attribute__((section("tc"), used)) int policy_ingress(int *context) { return *(volatile int *)(long)context[0]; }
__attribute__((section("tc"), used)) int policy_egress(int *context) { return *(volatile int *)(long)context[0]; }
char test_license[] __attribute__((section("license"), used)) = "GPL";
)");
    ir::EndpointPolicy deny_all;
    deny_all.directions[0].enforced = deny_all.directions[0].default_deny = true;
    return must(driver::write_meta(bad, ir::make_shape(deny_all)));
  }();
  return bytes;
}

class BatchTest : public LoadTest {
 protected:
  // Three endpoints of two shapes: web0 and web2 admit client:53, web1 admits other:54.
  [[nodiscard]] std::vector<LoadRequest> three(const Pod& web0, const Pod& web1,
                                               const Pod& web2) const {
    std::vector<LoadRequest> requests{request(object("client", 53), web0),
                                      request(object("other", 54), web1),
                                      request(object("client", 53), web2)};
    requests[0].inventory->cluster.endpoints.push_back(pod("web", "10.9.1.3"));
    requests[0].inventory->cluster.endpoints.back().name = "web3";
    requests[1].inventory.reset();
    requests[2].inventory.reset();
    return requests;
  }
  static void expect_three(const Pod& web0, const Pod& web1, const Pod& web2,
                           const std::string& when = "") {
    for (const Pod* pod : {&web0, &web2}) {
      EXPECT_TRUE(pod->reached_from(kClient, 53)) << when;
      EXPECT_FALSE(pod->reached_from(kOther, 53)) << when;
    }
    EXPECT_TRUE(web1.reached_from(kOther, 54)) << when;
    EXPECT_FALSE(web1.reached_from(kClient, 54)) << when;
  }
  // Nothing of a load is left but numbers that were given.
  void expect_nothing_loaded() const {
    EXPECT_THAT(endpoint::list_shapes(paths_), IsEmpty());
    EXPECT_THAT(bpf::list(paths_.endpoints()), IsEmpty());
    const auto state = must(endpoint::read_state(paths_));
    EXPECT_THAT(state.endpoints, IsEmpty());
    EXPECT_FALSE(state.dirty);
    const auto maps = must(maps::NodeMaps::open(paths_.maps()));
    EXPECT_THAT(must(maps.endpoints.entries()), IsEmpty());
  }
  // Loads in a process of its own that dies after its `step`th step; its name, or nothing when
  // there are fewer.
  static std::string load_and_die(const endpoint::Paths& paths, std::vector<LoadRequest> requests,
                                  int step) {
    return die_at(step, [&](endpoint::Progress progress) {
      requests[0].progress = std::move(progress);
      return endpoint::load_endpoints(paths, requests).has_value();
    });
  }
};

INSTANTIATE_TEST_SUITE_P(Hooks, BatchTest,
                         ::testing::Values(attach::HookChoice::Tcx, attach::HookChoice::Clsact),
                         [](const auto& test) {
                           return test.param == attach::HookChoice::Tcx ? "tcx" : "clsact";
                         });

TEST_P(BatchTest, SeveralEndpointsOfTwoShapesAreEnforcedAtOnce) {
  const Pod web0("web0", "10.9.1.1");
  const Pod web1("web1", "10.9.1.2");
  const Pod web2("web2", "10.9.1.3");
  const auto requests = three(web0, web1, web2);
  const auto reports = must(endpoint::load_endpoints(paths_, requests));
  ASSERT_THAT(reports, SizeIs(3));
  EXPECT_TRUE(reports[0].shape_loaded);
  EXPECT_TRUE(reports[1].shape_loaded);
  EXPECT_FALSE(reports[2].shape_loaded) << "the first brought it";
  EXPECT_EQ(reports[0].shape, reports[2].shape);
  EXPECT_EQ(reports[0].slot, reports[2].slot);
  EXPECT_NE(reports[0].slot, reports[1].slot);
  EXPECT_EQ(reports[0].epoch, reports[2].epoch) << "one change";
  EXPECT_EQ((std::set{reports[0].endpoint_id, reports[1].endpoint_id, reports[2].endpoint_id}),
            (std::set<std::uint16_t>{1, 2, 3}));
  expect_three(web0, web1, web2);
  EXPECT_THAT(endpoint::list_shapes(paths_),
              UnorderedElementsAre(reports[0].shape, reports[1].shape));
  const auto shown = status();
  ASSERT_THAT(shown.endpoints, SizeIs(3));
  for (const auto& endpoint : shown.endpoints) EXPECT_TRUE(endpoint.enforced());
  EXPECT_EQ(shown.endpoints[2].record.name, "shop/web3");
  EXPECT_FALSE(shown.interrupted);
}

TEST_P(BatchTest, PoliciesOfAllAreReplacedInOneChange) {
  const Pod web0("web0", "10.9.1.1");
  const Pod web1("web1", "10.9.1.2");
  const Pod web2("web2", "10.9.1.3");
  auto requests = three(web0, web1, web2);
  const auto before = must(endpoint::load_endpoints(paths_, requests));
  std::swap(requests[0].object, requests[1].object);
  requests[2].object = requests[0].object;
  const auto after = must(endpoint::load_endpoints(paths_, requests));
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_TRUE(after[i].replaced);
    EXPECT_FALSE(after[i].shape_loaded) << "the other endpoint had it";
    EXPECT_EQ(after[i].endpoint_id, before[i].endpoint_id);
    EXPECT_EQ(after[i].epoch, before[0].epoch + 1);
  }
  EXPECT_TRUE(web0.reached_from(kOther, 54));
  EXPECT_FALSE(web0.reached_from(kClient, 53));
  EXPECT_TRUE(web1.reached_from(kClient, 53));
  EXPECT_TRUE(web2.reached_from(kOther, 54));
}

TEST_P(BatchTest, NoRequestsAreNoChange) {
  EXPECT_THAT(must(endpoint::load_endpoints(paths_, {})), IsEmpty());
  EXPECT_FALSE(bpf::exists(paths_.maps()));
}

TEST_P(BatchTest, AMissingInterfaceIsFoundBeforeAnythingHappens) {
  const Pod web0("web0", "10.9.1.1");
  const Pod web1("web1", "10.9.1.2");
  const Pod web2("web2", "10.9.1.3");
  auto requests = three(web0, web1, web2);
  requests[1].interface = "nowhere0";
  const auto refused = endpoint::load_endpoints(paths_, requests);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("nowhere0: "));
  EXPECT_FALSE(bpf::exists(paths_.maps()));
}

TEST_P(BatchTest, AnObjectThatDoesNotLoadUndoesAll) {
  const Pod web0("web0", "10.9.1.1");
  const Pod web1("web1", "10.9.1.2");
  const Pod web2("web2", "10.9.1.3");
  auto requests = three(web0, web1, web2);
  requests[1].object = refused_object();
  const auto refused = endpoint::load_endpoints(paths_, requests);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("web1: "));
  EXPECT_THAT(refused.error().message, HasSubstr("invalid mem access"));
  EXPECT_THAT(endpoint::list_shapes(paths_), IsEmpty());
  EXPECT_THAT(must(endpoint::read_state(paths_)).endpoints, IsEmpty());
  for (const Pod* pod : {&web0, &web1, &web2}) EXPECT_TRUE(pod->reached_from(kOther, 53));
}

TEST_P(BatchTest, AnAttachmentThatFailsLeavesWhatWasBefore) {
  const Pod web0("web0", "10.9.1.1");
  const Pod web1("web1", "10.9.1.2");
  const Pod web2("web2", "10.9.1.3");
  auto stranger = must(bpf::Object::open(compile_c(R"(
__attribute__((section("tc"), used)) int stranger(void *context) { return 0; }
char test_license[] __attribute__((section("license"), used)) = "GPL";
)"),
                                         "stranger"));
  must(stranger.load());
  must(attach::attach({web1.index(), attach::Side::ToEndpoint, attach::HookKind::Clsact, {}},
                      must(stranger.program_fd("stranger"))));
  auto requests = three(web0, web1, web2);
  for (LoadRequest& request : requests) request.hook = attach::HookChoice::Clsact;
  const auto refused = endpoint::load_endpoints(paths_, requests);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("web1: "));
  expect_nothing_loaded();
  EXPECT_TRUE(web0.reached_from(kOther, 53)) << "it was attached before web1 failed";
  EXPECT_EQ(must(attach::attached_program(
                {web0.index(), attach::Side::ToEndpoint, attach::HookKind::Clsact, {}})),
            std::nullopt);

  // One of them runs a policy: it keeps it.
  must(endpoint::load_endpoint(paths_, request(object("client", 53), web0)));
  requests[0].object = requests[1].object;
  ASSERT_FALSE(endpoint::load_endpoints(paths_, requests));
  EXPECT_TRUE(web0.reached_from(kClient, 53));
  EXPECT_FALSE(web0.reached_from(kOther, 54));
  const auto shown = status();
  ASSERT_THAT(shown.endpoints, SizeIs(1));
  EXPECT_TRUE(shown.endpoints[0].enforced());
  EXPECT_FALSE(shown.interrupted);
}

TEST_P(BatchTest, WhatTwoEndpointsMustNotShareIsRefused) {
  const Pod web0("web0", "10.9.1.1");
  const Pod web1("web1", "10.9.1.2");
  const Pod web2("web2", "10.9.1.3");
  const auto refused = [&](const std::vector<LoadRequest>& requests) {
    const auto loaded = endpoint::load_endpoints(paths_, requests);
    EXPECT_FALSE(bpf::exists(paths_.maps())) << "before anything happens";
    return loaded ? std::string() : loaded.error().message;
  };
  auto twice = three(web0, web1, web2);
  twice[2].interface = "web0";
  EXPECT_THAT(refused(twice), HasSubstr("web0: another endpoint of this load"));
  shell("ip link property add dev web0 altname web_zero");
  twice[2].interface = "web_zero";
  EXPECT_THAT(refused(twice), HasSubstr("on that interface, as web0"));
  auto address = three(web0, web1, web2);
  address[2].addresses = address[0].addresses;
  EXPECT_THAT(refused(address), HasSubstr("web2: address 10.9.1.1 is also that of web0"));
  auto none = three(web0, web1, web2);
  none[1].addresses.clear();
  EXPECT_THAT(refused(none), HasSubstr("web1: an endpoint needs an address"));
}

TEST_P(BatchTest, OnlyTheFirstSpeaksForTheNode) {
  const Pod web0("web0", "10.9.1.1");
  const Pod web1("web1", "10.9.1.2");
  const Pod web2("web2", "10.9.1.3");
  const auto refused = [&](auto change) {
    auto requests = three(web0, web1, web2);
    change(requests[2]);
    const auto loaded = endpoint::load_endpoints(paths_, requests);
    return loaded ? std::string("loaded") : loaded.error().message;
  };
  EXPECT_THAT(refused([](LoadRequest& one) { one.inventory.emplace(); }),
              HasSubstr("web2: the inventory belongs to the node"));
  EXPECT_THAT(refused([](LoadRequest& one) { one.trace_verdicts = true; }), HasSubstr("tracing"));
  EXPECT_THAT(refused([](LoadRequest& one) { one.deny_response = endpoint::DenyResponse::Drop; }),
              HasSubstr("the response to what is denied belongs to the node"));
  EXPECT_THAT(refused([](LoadRequest& one) { one.sizes.ipcache = 7; }), HasSubstr("size"));
  const backend::Bytes other{1, 2, 3};
  EXPECT_THAT(refused([&](LoadRequest& one) { one.datapath = other; }), HasSubstr("datapath"));
  EXPECT_THAT(refused([](LoadRequest& one) { one.progress = [](std::string_view) {}; }),
              HasSubstr("progress"));
  EXPECT_FALSE(bpf::exists(paths_.maps()));
  auto same = three(web0, web1, web2);
  same[1].inventory = same[0].inventory;
  same[2].sizes = {};
  EXPECT_THAT(must(endpoint::load_endpoints(paths_, same)), SizeIs(3));
}

TEST_P(BatchTest, AnAddressOfAnEndpointThatStaysIsRefused) {
  const Pod web0("web0", "10.9.1.1");
  const Pod web1("web1", "10.9.1.2");
  const Pod web2("web2", "10.9.1.3");
  auto requests = three(web0, web1, web2);
  requests[2].inventory = requests[0].inventory;
  must(endpoint::load_endpoint(paths_, requests[2]));
  requests.pop_back();
  requests[1].addresses = {*parse_ip_address("10.9.1.3")};
  const auto refused = endpoint::load_endpoints(paths_, requests);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("web1: endpoint 1 on web2 has address 10.9.1.3"));
  EXPECT_THAT(status().endpoints, SizeIs(1));
}

TEST_P(BatchTest, EndpointsMaySwapTheirAddresses) {
  const Pod web0("web0", "10.9.1.1");
  const Pod web1("web1", "10.9.1.2");
  const Pod web2("web2", "10.9.1.3");
  auto requests = three(web0, web1, web2);
  must(endpoint::load_endpoints(paths_, requests));
  std::swap(requests[0].addresses, requests[1].addresses);
  EXPECT_THAT(must(endpoint::load_endpoints(paths_, requests)), SizeIs(3));
}

TEST_P(BatchTest, InterfacesThatSwappedTheirNamesKeepTheirRecords) {
  const Pod web0("web0", "10.9.1.1");
  const Pod web1("web1", "10.9.1.2");
  const Pod web2("web2", "10.9.1.3");
  const auto before = must(endpoint::load_endpoints(paths_, three(web0, web1, web2)));
  shell("ip link set web0 down && ip link set web0 name tmp0 && ip link set tmp0 up");
  {
    // A new interface takes the name; the old one is loaded by its new name.
    const Pod again("web0", "10.9.1.4");
    auto requests = three(again, web1, web2);
    requests[0].labels = app("stray");
    requests[1] = request(object("client", 53), web0);
    requests[1].inventory.reset();
    requests[1].interface = "tmp0";
    const auto after = must(endpoint::load_endpoints(paths_, requests));
    EXPECT_EQ(after[1].endpoint_id, before[0].endpoint_id) << "the interface is the same";
    EXPECT_NE(after[0].endpoint_id, before[0].endpoint_id);
    const auto maps = must(maps::NodeMaps::open(paths_.maps()));
    EXPECT_TRUE(must(maps.endpoints.lookup(after[0].interface_index)));
    EXPECT_TRUE(must(maps.endpoints.lookup(after[1].interface_index)));
  }
  shell("ip link set tmp0 down && ip link set tmp0 name web0 && ip link set web0 up");
}

class BatchCrashTest : public BatchTest {};

INSTANTIATE_TEST_SUITE_P(Tcx, BatchCrashTest, ::testing::Values(attach::HookChoice::Tcx),
                         [](const auto&) { return "tcx"; });

TEST_P(BatchCrashTest, DeathAtAnyStepIsRepairedByTheNextLoad) {
  std::set<std::string> steps;
  for (int step = 0;; ++step) {
    const Pod web0("web0", "10.9.1.1");
    const Pod web1("web1", "10.9.1.2");
    const Pod web2("web2", "10.9.1.3");
    // web0 runs another policy before; the others run none.
    must(endpoint::load_endpoint(paths_, request(object("other", 54), web0)));
    const auto requests = three(web0, web1, web2);
    const std::string name = load_and_die(paths_, requests, step);
    if (name.empty()) break;
    steps.insert(name);
    EXPECT_NE(web0.reached_from(kClient, 53), web0.reached_from(kOther, 54))
        << "the old policy or the new one, after death at " << name;
    const auto reports = must(endpoint::load_endpoints(paths_, requests));
    EXPECT_THAT(reports, SizeIs(3));
    expect_three(web0, web1, web2, "repaired after death at " + name);
    EXPECT_THAT(endpoint::list_shapes(paths_), SizeIs(2)) << name;
    EXPECT_THAT(bpf::list(paths_.endpoints()), SizeIs(3)) << name;
    EXPECT_FALSE(status().interrupted) << name;
    must(endpoint::unload_all(paths_));
  }
  EXPECT_THAT(steps, ::testing::IsSupersetOf({"shape", "state", "rows", "addresses", "entry",
                                              "attached", "epoch", "slots", "sweep"}));
}

}  // namespace
}  // namespace policyc::testing
