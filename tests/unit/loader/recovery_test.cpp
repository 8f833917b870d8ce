// loader/endpoint: failures that are undone, and what a crash leaves behind.

#include <fstream>

#include <gmock/gmock.h>

#include "compiler/driver/object_meta.h"
#include "loader/attach/attach.h"
#include "loader/bpf/bpffs.h"
#include "loader/bpf/info.h"
#include "loader/endpoint/files.h"
#include "loader/endpoint/load.h"
#include "loader/endpoint/shapes.h"
#include "loader/endpoint/state.h"
#include "loader/endpoint/status.h"
#include "loader/endpoint/unload.h"
#include "loader/maps/ipcache.h"
#include "tests/unit/loader/programs.h"
#include "tests/unit/loader/sandbox.h"

namespace policyc::testing {
namespace {

using endpoint::LoadRequest;
using ::testing::HasSubstr;

constexpr const char* kClient = "10.9.0.1";
constexpr const char* kOther = "10.9.0.2";

const backend::Bytes& object() {
  static const backend::Bytes bytes =
      compile_policies(
          "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: web, namespace: "
          "shop}\nspec:\n"
          "  endpointSelector: {matchLabels: {app: web}}\n  ingress:\n  - fromEndpoints:\n    - "
          "matchLabels: {app: client}\n"
          "    toPorts:\n    - ports: [{port: \"53\", protocol: UDP}]\n  - fromCIDR: "
          "[192.0.2.0/24]\n")
          .at(0);
  return bytes;
}

policy::Endpoint pod(const std::string& name, const std::string& address) {
  policy::Endpoint endpoint;
  endpoint.namespace_ = "shop";
  endpoint.name = name;
  endpoint.labels = {{"app", name}};
  endpoint.addresses = {*parse_ip_address(address)};
  return endpoint;
}

class RecoveryTest : public KernelTest {
 protected:
  static void SetUpTestSuite() {
    KernelTest::SetUpTestSuite();
    for (const char* address : {kClient, kOther}) {
      static_cast<void>(
          std::system(("ip addr add " + std::string(address) + "/32 dev lo 2>/dev/null").c_str()) ==
          0);
    }
  }
  [[nodiscard]] static LoadRequest request(const Pod& target,
                                           const backend::Bytes& bytes = object()) {
    LoadRequest result;
    result.object = bytes;
    result.interface = target.host();
    result.addresses = {*parse_ip_address(target.address())};
    result.inventory.emplace();
    result.inventory->cluster.namespaces.edit()["shop"] = {};
    result.inventory->cluster.endpoints = {pod("client", kClient), pod("other", kOther),
                                           pod("web", target.address())};
    result.sizes = {64, 256, 256, 1024, 64, 65536};
    result.max_classes = 1024;
    return result;
  }
  void expect_enforced(const Pod& web) const {
    EXPECT_TRUE(web.reached_from(kClient, 53));
    EXPECT_FALSE(web.reached_from(kOther, 53));
    const auto status = must(endpoint::read_status(paths_));
    ASSERT_TRUE(status);
    ASSERT_EQ(status->endpoints.size(), 1U);
    EXPECT_TRUE(status->endpoints[0].enforced());
    EXPECT_FALSE(status->interrupted);
  }
};

TEST_F(RecoveryTest, ARefusedProgramLeavesNothing) {
  const Pod web("web0", "10.9.1.1");
  // A good description, of a policy that needs no maps, on a program that the verifier refuses.
  const auto bad = compile_c(R"(
__attribute__((section("tc"), used)) int policy_ingress(int *context) { return *(volatile int *)(long)context[0]; }
__attribute__((section("tc"), used)) int policy_egress(int *context) { return *(volatile int *)(long)context[0]; }
char test_license[] __attribute__((section("license"), used)) = "GPL";
)");
  ir::EndpointPolicy deny_all;
  deny_all.directions[0].enforced = deny_all.directions[0].default_deny = true;
  const auto bytes = must(driver::write_meta(bad, ir::make_shape(deny_all)));
  const auto refused = endpoint::load_endpoint(paths_, request(web, bytes));
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("invalid mem access"));
  EXPECT_TRUE(web.reached_from(kOther, 53));
  EXPECT_TRUE(endpoint::list_shapes(paths_).empty());
  EXPECT_TRUE(must(endpoint::read_state(paths_)).endpoints.empty());
}

TEST_F(RecoveryTest, AFailedAttachIsUndone) {
  const Pod web("web0", "10.9.1.1");
  auto stranger = must(bpf::Object::open(compile_c(R"(
__attribute__((section("tc"), used)) int stranger(void *context) { return 0; }
char test_license[] __attribute__((section("license"), used)) = "GPL";
)"),
                                         "stranger"));
  must(stranger.load());
  // It holds the place of the second program, so the first is attached already when the load fails.
  must(attach::attach({web.index(), attach::Side::ToEndpoint, attach::HookKind::Clsact, {}},
                      must(stranger.program_fd("stranger"))));
  auto clsact = request(web);
  clsact.hook = attach::HookChoice::Clsact;
  ASSERT_FALSE(endpoint::load_endpoint(paths_, clsact));
  EXPECT_EQ(must(attach::attached_program(
                {web.index(), attach::Side::FromEndpoint, attach::HookKind::Clsact, {}})),
            std::nullopt);
  const auto maps = must(maps::NodeMaps::open(paths_.maps()));
  EXPECT_TRUE(must(maps.endpoints.entries()).empty());
  EXPECT_TRUE(endpoint::list_shapes(paths_).empty());
  EXPECT_TRUE(bpf::list(paths_.endpoints()).empty());
  const auto state = must(endpoint::read_state(paths_));
  EXPECT_TRUE(state.endpoints.empty());
  EXPECT_FALSE(state.dirty);
  EXPECT_FALSE(must(maps::read_ipcache(maps)).contains(*parse_ip_prefix("192.0.2.0/24")));

  auto tcx = request(web);
  tcx.hook = attach::HookChoice::Tcx;
  must(endpoint::load_endpoint(paths_, tcx));
  expect_enforced(web);
  ASSERT_FALSE(endpoint::load_endpoint(paths_, clsact));
  expect_enforced(web);
}

TEST_F(RecoveryTest, AnInterruptedLoadIsFinishedByTheNext) {
  const Pod web("web0", "10.9.1.1");
  const auto report = must(endpoint::load_endpoint(paths_, request(web)));
  // As if the process had died before it wrote rows, registered and attached: only state and shape
  // are there.
  auto state = must(endpoint::read_state(paths_));
  state.dirty = true;
  must(endpoint::write_state(paths_, state));
  {
    auto maps = must(maps::NodeMaps::open(paths_.maps()));
    must(maps.endpoints.erase(report.interface_index));
    must(maps::write_ipcache(maps, {}));
    const auto shape = must(endpoint::open_shape(paths_, report.shape));
    must(shape.maps[0].rows.update(0, {}));
    for (const attach::Side side : attach::kSides) {
      must(attach::detach(
          paths_.hook(report.endpoint_id, report.interface_index, side, report.hook)));
    }
  }
  must(bpf::ensure_directory(paths_.shapes() / "feedbeef_00_making"));
  must(bpf::ensure_directory(paths_.endpoint(99)));
  EXPECT_TRUE(must(endpoint::read_status(paths_))->interrupted);
  EXPECT_TRUE(web.reached_from(kOther, 53));

  const auto again = must(endpoint::load_endpoint(paths_, request(web)));
  EXPECT_EQ(again.endpoint_id, report.endpoint_id);
  EXPECT_EQ(again.identity, report.identity);
  expect_enforced(web);
  EXPECT_THAT(endpoint::list_shapes(paths_), ::testing::ElementsAre(report.shape));
  EXPECT_FALSE(bpf::exists(paths_.endpoint(99)));
}

TEST_F(RecoveryTest, AnInterruptedLoadOfAShapeThatWasNeverMade) {
  const Pod web("web0", "10.9.1.1");
  const auto report = must(endpoint::load_endpoint(paths_, request(web)));
  must(endpoint::unload_endpoint(paths_, "web0"));
  auto state = must(endpoint::read_state(paths_));
  endpoint::EndpointRecord record;
  record.id = 50;
  record.interface = "gone0";
  record.interface_index = 4000;
  record.shape = report.shape;
  state.dirty = true;
  state.endpoints.push_back(record);
  must(endpoint::write_state(paths_, state));
  must(endpoint::load_endpoint(paths_, request(web)));
  must(endpoint::unload_endpoint(paths_, "gone0"));
  expect_enforced(web);
}

TEST_F(RecoveryTest, ADamagedStateLeavesThePolicyAndCanBeCleared) {
  const Pod web("web0", "10.9.1.1");
  must(endpoint::load_endpoint(paths_, request(web)));
  std::ofstream(paths_.state_file()) << "{";
  EXPECT_FALSE(endpoint::load_endpoint(paths_, request(web)));
  EXPECT_FALSE(endpoint::unload_endpoint(paths_, "web0"));
  EXPECT_FALSE(web.reached_from(kOther, 53)) << "still enforced";
  EXPECT_EQ(must(endpoint::unload_all(paths_)), 1U);
  EXPECT_TRUE(web.reached_from(kOther, 53));
  must(endpoint::load_endpoint(paths_, request(web)));
  expect_enforced(web);
}

TEST_F(RecoveryTest, UnloadAllFindsClsactFiltersWithoutState) {
  const Pod web("web0", "10.9.1.1");
  auto clsact = request(web);
  clsact.hook = attach::HookChoice::Clsact;
  must(endpoint::load_endpoint(paths_, clsact));
  must(endpoint::remove_file(paths_.state_file()));
  EXPECT_EQ(must(endpoint::unload_all(paths_)), 1U);
  EXPECT_TRUE(web.reached_from(kOther, 53));
  EXPECT_FALSE(bpf::exists(paths_.bpffs));
}

// Killed after some of it was gone.
TEST_F(RecoveryTest, ARemovalThatWasCutShortIsFinishedByTheNextLoad) {
  const Pod web("web0", "10.9.1.1");
  const Pod other("web1", "10.9.1.2");
  must(endpoint::load_endpoint(paths_, request(web)));
  must(bpf::remove_tree(paths_.shapes()));
  const auto mark = paths_.state / "unloading";
  // That of another node with the same state is none of ours.
  std::ofstream(mark) << "/sys/fs/bpf/elsewhere";
  must(endpoint::finish_unload(paths_));
  EXPECT_TRUE(bpf::exists(paths_.maps()));
  std::ofstream(mark) << paths_.bpffs.string();
  must(endpoint::load_endpoint(paths_, request(other)));
  EXPECT_FALSE(std::filesystem::exists(mark));
  EXPECT_THAT(must(endpoint::read_state(paths_)).endpoints, ::testing::SizeIs(1));
  EXPECT_TRUE(web.reached_from(kOther, 53)) << "it was on its way out";
}

TEST_F(RecoveryTest, AnotherStateDirectoryIsRefused) {
  const Pod web("web0", "10.9.1.1");
  must(endpoint::load_endpoint(paths_, request(web)));
  must(endpoint::remove_file(paths_.state_file()));
  const auto refused = endpoint::load_endpoint(paths_, request(web));
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("do not belong"));
  EXPECT_FALSE(web.reached_from(kOther, 53));
}

TEST_F(RecoveryTest, TheKindOfHookCanChangeWhileLoaded) {
  const Pod web("web0", "10.9.1.1");
  auto changing = request(web);
  for (const auto hook :
       {attach::HookChoice::Tcx, attach::HookChoice::Clsact, attach::HookChoice::Tcx}) {
    changing.hook = hook;
    must(endpoint::load_endpoint(paths_, changing));
    expect_enforced(web);
  }
  EXPECT_EQ(must(attach::attached_program(
                {web.index(), attach::Side::ToEndpoint, attach::HookKind::Clsact, {}})),
            std::nullopt);
}

// As a process leaves it that dies after the state says tcx and before clsact's filter is gone.
TEST_F(RecoveryTest, AFilterOfTheKindBeforeGoesWithTheNextLoad) {
  const Pod web("web0", "10.9.1.1");
  auto loaded = request(web);
  loaded.hook = attach::HookChoice::Tcx;
  const auto report = must(endpoint::load_endpoint(paths_, loaded));
  const auto hook_of = [&](attach::Side side, attach::HookKind kind) {
    return paths_.hook(report.endpoint_id, web.index(), side, kind);
  };
  for (const attach::Side side : attach::kSides) {
    const auto id = must(attach::attached_program(hook_of(side, attach::HookKind::Tcx)));
    const auto program = must(bpf::open_program(id.value()));
    must(attach::attach(hook_of(side, attach::HookKind::Clsact), program.get()));
  }
  must(endpoint::load_endpoint(paths_, loaded));
  for (const attach::Side side : attach::kSides) {
    EXPECT_TRUE(must(attach::attached_program(hook_of(side, attach::HookKind::Tcx))));
    EXPECT_FALSE(must(attach::attached_program(hook_of(side, attach::HookKind::Clsact))));
  }
  expect_enforced(web);
}

TEST_F(RecoveryTest, ObjectsOfOthersAreRefused) {
  const Pod web("web0", "10.9.1.1");
  const auto plain = endpoint::load_endpoint(paths_, request(web, counting_object()));
  ASSERT_FALSE(plain);
  EXPECT_THAT(plain.error().message, HasSubstr("not an object of policyc"));
  auto shape = must(endpoint::read_shape(object()));
  shape.abi_version = 77;
  const auto bytes = must(driver::write_meta(counting_object(), shape));
  const auto old = endpoint::load_endpoint(paths_, request(web, bytes));
  ASSERT_FALSE(old);
  EXPECT_THAT(old.error().message, HasSubstr("ABI version 77"));
}

}  // namespace
}  // namespace policyc::testing
