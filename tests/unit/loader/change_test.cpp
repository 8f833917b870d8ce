// loader/endpoint: what happens to endpoints that run while others, the inventory and policies
// change.

#include <atomic>
#include <thread>

#include <gmock/gmock.h>

#include "loader/endpoint/shapes.h"
#include "tests/unit/loader/load_fixture.h"

namespace policyc::testing {
namespace {

INSTANTIATE_TEST_SUITE_P(Hooks, LoadTest,
                         ::testing::Values(attach::HookChoice::Tcx, attach::HookChoice::Clsact),
                         [](const auto& test) {
                           return test.param == attach::HookChoice::Tcx ? "tcx" : "clsact";
                         });

TEST_P(LoadTest, AGrownInventoryReachesOlderEndpoints) {
  const Pod first("web0", "10.9.1.1");
  const Pod second("web1", "10.9.1.2");
  auto early = request(object("client", 53), first);
  erase_if(early.inventory->cluster.endpoints,
           [](const policy::Endpoint& pod) { return pod.name == "client"; });
  must(endpoint::load_endpoint(paths_, early));
  EXPECT_FALSE(first.reached_from(kClient, 53)) << "not known yet";
  must(endpoint::load_endpoint(paths_, request(object("other", 54), second)));
  EXPECT_TRUE(first.reached_from(kClient, 53));
  EXPECT_FALSE(first.reached_from(kOther, 53));

  auto later = request(object("other", 54), second);
  later.inventory.reset();
  must(endpoint::load_endpoint(paths_, later));
  EXPECT_TRUE(first.reached_from(kClient, 53)) << "the inventory of the load before stays";
}

TEST_P(LoadTest, TrafficMeetsTheOldPolicyOrTheNew) {
  const Pod web("web0", "10.9.1.1");
  // Both allow the client, and nobody else, at this port.
  const auto& plain = object("client", 53);
  const auto wide =
      compile_policies(allow_from("client", 53) + "    - ports: [{port: \"54\", protocol: UDP}]\n")
          .at(0);
  must(endpoint::load_endpoint(paths_, request(plain, web)));
  const bpf::Fd server = web.udp_socket(53);
  const bpf::Fd client = host_udp_socket(kClient, 0);
  const bpf::Fd foe = host_udp_socket(kOther, 0);
  std::atomic<bool> stop = false;
  std::uint64_t sent = 0;
  std::uint64_t lost = 0;
  std::uint64_t passed = 0;
  std::thread traffic([&] {
    // Ports change too, so that connections are new ones as well as old ones.
    for (; !stop || sent < 100; ++sent) {
      const bpf::Fd fresh = host_udp_socket(kClient, 0);
      const bpf::Fd& sender = sent % 2 == 0 ? client : fresh;
      send_datagram(foe, web.address(), 53);
      send_datagram(sender, web.address(), 53);
      const auto source = sender_of_next(server);
      lost += source.empty() ? 1U : 0U;
      passed += source == kOther ? 1U : 0U;
    }
  });
  for (int i = 0; i < 20; ++i) {
    auto change = request(i % 2 == 0 ? wide : plain, web);
    change.inventory->cluster.endpoints.push_back(
        pod("extra" + std::to_string(i), "10.9.2." + std::to_string(i)));
    must(endpoint::load_endpoint(paths_, change));
  }
  stop = true;
  traffic.join();
  EXPECT_EQ(lost, 0U) << "of " << sent;
  EXPECT_EQ(passed, 0U) << "of " << sent;
}

TEST_P(LoadTest, AShapeThatIsTooSmallGrows) {
  const Pod first("web0", "10.9.1.1");
  const Pod second("web1", "10.9.1.2");
  auto small = request(object("client", 53), first);
  small.max_classes = 1;
  const auto before = must(endpoint::load_endpoint(paths_, small));
  EXPECT_THAT(before.starved, ::testing::IsEmpty());

  // Every rule of its own peer: enough classes that the client's is beyond the end of the first
  // map.
  std::string rules;
  auto grown = request(object("client", 53), second);
  auto& pods = grown.inventory->cluster.endpoints;
  for (int i = 0; i < 20; ++i) {
    const std::string name = "extra" + std::to_string(i);
    pods.push_back(pod(name, "10.9.2." + std::to_string(i)));
    rules += "  - fromEndpoints:\n    - matchLabels: {app: " + name + "}\n";
  }
  pods.push_back(pod("client", kLate));
  pods.back().labels["late"] = "yes";
  const auto many = compile_policies(allow_from("other", 54) + rules +
                                     "  - fromEndpoints:\n    - matchLabels: {late: \"yes\"}\n")
                        .at(0);
  grown.object = many;
  const auto report = must(endpoint::load_endpoint(paths_, grown));
  EXPECT_THAT(report.starved, ::testing::IsEmpty());
  EXPECT_THAT(report.grown, ::testing::ElementsAre(before.shape + "_2"));
  EXPECT_TRUE(first.reached_from(kClient, 53));
  EXPECT_TRUE(first.reached_from(kLate, 53));
  EXPECT_FALSE(first.reached_from(kOther, 53));
  EXPECT_THAT(endpoint::list_shapes(paths_),
              ::testing::UnorderedElementsAre(before.shape + "_2", report.shape))
      << "the small one is gone";
  EXPECT_TRUE(status().endpoints[0].enforced());
  EXPECT_EQ(status().endpoints[0].record.shape, before.shape + "_2");
}

}  // namespace
}  // namespace policyc::testing
