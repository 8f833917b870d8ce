// loader/endpoint: compiled policies on interfaces, with real traffic.

#include <atomic>
#include <map>
#include <thread>

#include <arpa/inet.h>
#include <gmock/gmock.h>

#include "loader/bpf/bpffs.h"
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

using endpoint::LoadReport;
using endpoint::LoadRequest;
using ::testing::HasSubstr;

std::string allow_from(const std::string& app, int port) {
  return "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: web, namespace: shop}\nspec:\n"
         "  endpointSelector: {matchLabels: {app: web}}\n  ingress:\n  - fromEndpoints:\n    - matchLabels: {app: " +
         app + "}\n    toPorts:\n    - ports: [{port: \"" + std::to_string(port) + "\", protocol: UDP}]\n";
}

// Pods client, other and stranger are addresses of the host.
constexpr const char* kClient = "10.9.0.1";
constexpr const char* kOther = "10.9.0.2";
// Identities are numbered in the order of addresses: the last is beyond the end of a small map.
constexpr const char* kLate = "10.9.3.1";

policy::Endpoint pod(const std::string& name, const std::string& address) {
  policy::Endpoint endpoint;
  endpoint.namespace_ = "shop";
  endpoint.name = name;
  endpoint.labels = {{"app", name}};
  endpoint.addresses = {*parse_ip_address(address)};
  return endpoint;
}

endpoint::Inventory inventory() {
  endpoint::Inventory result;
  result.cluster.namespaces["shop"] = {};
  result.cluster.endpoints = {pod("client", kClient), pod("other", kOther), pod("web", "10.9.1.1"), pod("web", "10.9.1.2")};
  result.cluster.endpoints[3].name = "web2";
  return result;
}

class LoadTest : public KernelTest, public ::testing::WithParamInterface<attach::HookChoice> {
 protected:
  static void SetUpTestSuite() {
    KernelTest::SetUpTestSuite();
    for (const char* address : {kClient, kOther, "10.9.0.3", kLate}) {
      static_cast<void>(std::system(("ip addr add " + std::string(address) + "/32 dev lo 2>/dev/null").c_str()) == 0);
    }
  }
  [[nodiscard]] LoadRequest request(const backend::Bytes& object, const Pod& target) const {
    LoadRequest result;
    result.object = object;
    result.interface = target.host();
    result.addresses = {*parse_ip_address(target.address())};
    result.inventory = inventory();
    result.hook = GetParam();
    result.sizes = {64, 256, 256, 1024, 64, 65536};
    result.max_classes = 1024;
    return result;
  }
  [[nodiscard]] endpoint::Status status() const { return *must(endpoint::read_status(paths_)); }
  [[nodiscard]] maps::IpCache ipcache() const {
    return must(maps::read_ipcache(must(maps::NodeMaps::open(paths_.maps()))));
  }
  static const backend::Bytes& object(const std::string& app, int port) {
    static std::map<std::string, backend::Bytes> cache;
    const std::string yaml = allow_from(app, port);
    if (!cache.contains(yaml)) cache[yaml] = compile_policies(yaml).at(0);
    return cache[yaml];
  }
};

INSTANTIATE_TEST_SUITE_P(Hooks, LoadTest, ::testing::Values(attach::HookChoice::Tcx, attach::HookChoice::Clsact),
                         [](const auto& test) { return test.param == attach::HookChoice::Tcx ? "tcx" : "clsact"; });

TEST_P(LoadTest, ThePolicyIsEnforcedAndTakenOff) {
  const Pod web("web0", "10.9.1.1");
  EXPECT_TRUE(web.reached_from(kOther, 53));
  const LoadReport report = must(endpoint::load_endpoint(paths_, request(object("client", 53), web)));
  EXPECT_TRUE(report.shape_loaded);
  EXPECT_FALSE(report.replaced);
  EXPECT_TRUE(web.reached_from(kClient, 53));
  EXPECT_FALSE(web.reached_from(kClient, 54));
  EXPECT_FALSE(web.reached_from(kOther, 53));
  EXPECT_FALSE(web.reached_from("10.9.0.3", 53)) << "nobody knows this address";
  EXPECT_TRUE(web.reaches(kOther, 5353)) << "egress is not selected";

  const auto shown = status();
  ASSERT_EQ(shown.endpoints.size(), 1U);
  EXPECT_TRUE(shown.endpoints[0].enforced());
  EXPECT_EQ(shown.endpoints[0].record.name, "shop/web");
  EXPECT_GT(shown.endpoints[0].programs[0]->verified_instructions, 0U);
  EXPECT_THAT(shown.endpoints[0].policies, ::testing::Contains("CiliumNetworkPolicy/shop/web"));
  EXPECT_FALSE(shown.counters.empty());
  EXPECT_FALSE(shown.interrupted);

  must(endpoint::unload_endpoint(paths_, "web0"));
  EXPECT_TRUE(web.reached_from(kOther, 53));
  EXPECT_TRUE(status().endpoints.empty());
  EXPECT_TRUE(endpoint::list_shapes(paths_).empty());
  EXPECT_TRUE(bpf::list(paths_.endpoints()).empty());
  EXPECT_FALSE(endpoint::unload_endpoint(paths_, "web0"));
}

TEST_P(LoadTest, EndpointsOfOneShapeShareItsPrograms) {
  const Pod first("web0", "10.9.1.1");
  const Pod second("web1", "10.9.1.2");
  const auto one = must(endpoint::load_endpoint(paths_, request(object("client", 53), first)));
  const auto two = must(endpoint::load_endpoint(paths_, request(object("client", 53), second)));
  EXPECT_FALSE(two.shape_loaded);
  EXPECT_NE(one.endpoint_id, two.endpoint_id);
  EXPECT_EQ(one.identity, two.identity) << "equal labels are one identity";
  const auto shown = status();
  EXPECT_EQ(shown.endpoints[0].programs[0]->id, shown.endpoints[1].programs[0]->id);
  EXPECT_TRUE(second.reached_from(kClient, 53));
  EXPECT_FALSE(second.reached_from(kOther, 53));
  must(endpoint::unload_endpoint(paths_, "web0"));
  EXPECT_EQ(endpoint::list_shapes(paths_).size(), 1U) << "the other endpoint has it still";
  EXPECT_FALSE(second.reached_from(kOther, 53));
}

TEST_P(LoadTest, ANewPolicyReplacesTheOld) {
  const Pod web("web0", "10.9.1.1");
  const auto before = must(endpoint::load_endpoint(paths_, request(object("client", 53), web)));
  const auto after = must(endpoint::load_endpoint(paths_, request(object("other", 54), web)));
  EXPECT_TRUE(after.replaced);
  EXPECT_EQ(after.endpoint_id, before.endpoint_id);
  EXPECT_GT(after.epoch, before.epoch);
  EXPECT_FALSE(web.reached_from(kClient, 53));
  EXPECT_TRUE(web.reached_from(kOther, 54));
  EXPECT_THAT(endpoint::list_shapes(paths_), ::testing::ElementsAre(after.shape));
}

TEST_P(LoadTest, AGrownInventoryReachesOlderEndpoints) {
  const Pod first("web0", "10.9.1.1");
  const Pod second("web1", "10.9.1.2");
  auto early = request(object("client", 53), first);
  std::erase_if(early.inventory->cluster.endpoints, [](const policy::Endpoint& pod) { return pod.name == "client"; });
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
  const auto wide = compile_policies(allow_from("client", 53) + "    - ports: [{port: \"54\", protocol: UDP}]\n").at(0);
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
    change.inventory->cluster.endpoints.push_back(pod("extra" + std::to_string(i), "10.9.2." + std::to_string(i)));
    must(endpoint::load_endpoint(paths_, change));
  }
  stop = true;
  traffic.join();
  EXPECT_EQ(lost, 0U) << "of " << sent;
  EXPECT_EQ(passed, 0U) << "of " << sent;
}

TEST_P(LoadTest, AShapeThatIsTooSmallIsLoadedAgainWithRoom) {
  const Pod first("web0", "10.9.1.1");
  const Pod second("web1", "10.9.1.2");
  auto small = request(object("client", 53), first);
  small.max_classes = 1;
  small.inventory->cluster.endpoints.resize(3);
  small.inventory->cluster.endpoints[2] = pod("web", "10.9.1.1");
  const auto before = must(endpoint::load_endpoint(paths_, small));
  EXPECT_TRUE(before.starved.empty());

  // Enough identities that the client's number is beyond the end of the first shape's map.
  auto grown = request(object("other", 54), second);
  auto& pods = grown.inventory->cluster.endpoints;
  for (int i = 0; i < 20; ++i) pods.push_back(pod("extra" + std::to_string(i), "10.9.2." + std::to_string(i)));
  pods.push_back(pod("client", kLate));
  pods.back().labels["late"] = "yes";
  EXPECT_THAT(must(endpoint::load_endpoint(paths_, grown)).starved, ::testing::ElementsAre("web0"));
  EXPECT_TRUE(first.reached_from(kClient, 53));
  EXPECT_FALSE(first.reached_from(kLate, 53)) << "no room: denied";

  auto again = request(object("client", 53), first);
  again.inventory = grown.inventory;
  const auto after = must(endpoint::load_endpoint(paths_, again));
  EXPECT_NE(after.shape, before.shape);
  EXPECT_TRUE(after.starved.empty());
  EXPECT_TRUE(first.reached_from(kLate, 53));
  EXPECT_EQ(endpoint::list_shapes(paths_).size(), 2U) << "the small one is gone";
}

TEST_P(LoadTest, TheEndpointsMapHoldsBothFamilies) {
  const Pod web("web0", "10.9.1.1");
  auto both = request(object("client", 53), web);
  both.addresses.push_back(*parse_ip_address("fd00::1:2"));
  both.audit = true;
  const auto report = must(endpoint::load_endpoint(paths_, both));
  const auto maps = must(maps::NodeMaps::open(paths_.maps()));
  const auto value = *must(maps.endpoints.lookup(report.interface_index));
  EXPECT_EQ(value.endpoint_id, report.endpoint_id);
  EXPECT_EQ(value.identity, report.identity);
  EXPECT_EQ(value.flags, ENDPOINT_AUDIT);
  EXPECT_EQ(value.ipv4, htonl(0x0a090101));
  EXPECT_EQ(value.ipv6[0], 0xfd);
  EXPECT_EQ(value.ipv6[13], 1);
  EXPECT_EQ(value.ipv6[15], 2);
  both.addresses.push_back(*parse_ip_address("10.9.1.2"));
  EXPECT_FALSE(endpoint::load_endpoint(paths_, both)) << "two addresses of one family";
}

TEST_P(LoadTest, PrefixesOfThePolicyAreKnownWhileItIsLoaded) {
  const Pod web("web0", "10.9.1.1");
  const auto bytes = compile_policies(
      "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: web, namespace: shop}\nspec:\n"
      "  endpointSelector: {matchLabels: {app: web}}\n  ingress:\n  - fromCIDR: [10.9.0.3/32]\n  - fromCIDRSet:\n"
      "    - {cidr: 172.16.0.0/12, except: [172.16.5.0/24]}\n");
  must(endpoint::load_endpoint(paths_, request(bytes.at(0), web)));
  EXPECT_TRUE(web.reached_from("10.9.0.3", 53));
  EXPECT_FALSE(web.reached_from(kOther, 53));
  EXPECT_TRUE(ipcache().contains(*parse_ip_prefix("172.16.5.0/24")));
  must(endpoint::unload_endpoint(paths_, "web0"));
  EXPECT_FALSE(ipcache().contains(*parse_ip_prefix("172.16.5.0/24")));
}

TEST_P(LoadTest, AnIdentityMustComeFromSomewhere) {
  const Pod web("web0", "10.9.1.9");
  const auto unknown = endpoint::load_endpoint(paths_, request(object("client", 53), web));
  ASSERT_FALSE(unknown);
  EXPECT_THAT(unknown.error().message, HasSubstr("10.9.1.9"));
  auto labelled = request(object("client", 53), web);
  labelled.labels.add({"k8s", "app", "stray"});
  const auto report = must(endpoint::load_endpoint(paths_, labelled));
  EXPECT_EQ(ipcache().at(*parse_ip_prefix("10.9.1.9/32")).identity, report.identity);
  labelled.identity = 4242;
  EXPECT_EQ(must(endpoint::load_endpoint(paths_, labelled)).identity, 4242U);
}

TEST_P(LoadTest, AuditReportsAndLetsThrough) {
  const Pod web("web0", "10.9.1.1");
  auto audited = request(object("client", 53), web);
  audited.audit = true;
  must(endpoint::load_endpoint(paths_, audited));
  EXPECT_TRUE(web.reached_from(kOther, 53));
  audited.audit = false;
  must(endpoint::load_endpoint(paths_, audited));
  EXPECT_FALSE(web.reached_from(kOther, 53));
}

TEST_P(LoadTest, AnInterfaceMadeAnewIsTheSameEndpoint) {
  std::uint16_t id = 0;
  {
    const Pod web("web0", "10.9.1.1");
    id = must(endpoint::load_endpoint(paths_, request(object("client", 53), web))).endpoint_id;
  }
  EXPECT_FALSE(status().endpoints[0].enforced());
  EXPECT_FALSE(status().endpoints[0].interface_present);
  const Pod web("web0", "10.9.1.1");
  EXPECT_EQ(must(endpoint::load_endpoint(paths_, request(object("client", 53), web))).endpoint_id, id);
  EXPECT_FALSE(web.reached_from(kOther, 53));
  EXPECT_EQ(must(must(maps::NodeMaps::open(paths_.maps())).endpoints.entries()).size(), 1U);
}

}  // namespace
}  // namespace policyc::testing
