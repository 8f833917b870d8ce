// loader/endpoint: compiled policies on interfaces, with real traffic.

#include <arpa/inet.h>
#include <gmock/gmock.h>

#include "loader/bpf/bpffs.h"
#include "loader/endpoint/shapes.h"
#include "loader/endpoint/unload.h"
#include "tests/unit/loader/load_fixture.h"

namespace policyc::testing {
namespace {

using endpoint::LoadReport;
using ::testing::HasSubstr;

INSTANTIATE_TEST_SUITE_P(Hooks, LoadTest,
                         ::testing::Values(attach::HookChoice::Tcx, attach::HookChoice::Clsact),
                         [](const auto& test) {
                           return test.param == attach::HookChoice::Tcx ? "tcx" : "clsact";
                         });

TEST_P(LoadTest, ThePolicyIsEnforcedAndTakenOff) {
  const Pod web("web0", "10.9.1.1");
  EXPECT_TRUE(web.reached_from(kOther, 53));
  const LoadReport report =
      must(endpoint::load_endpoint(paths_, request(object("client", 53), web)));
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
  EXPECT_EQ(shown.endpoints[0].programs[0]->name, "from_endpoint");
  EXPECT_EQ(shown.endpoints[0].policy_programs[0]->name, "policy_ingress");
  EXPECT_LT(shown.endpoints[0].policy_programs[0]->verified_instructions, 300U);
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
  EXPECT_EQ(shown.endpoints[0].policy_programs[0]->id, shown.endpoints[1].policy_programs[0]->id);
  EXPECT_EQ(one.slot, two.slot);
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
  EXPECT_EQ(value.policy_slot, report.slot);
  EXPECT_NE(value.policy_slot, 0U);
  EXPECT_EQ(value.shape_tag, must(endpoint::read_shape(both.object)).tag());
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
      "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: web, namespace: "
      "shop}\nspec:\n"
      "  endpointSelector: {matchLabels: {app: web}}\n  ingress:\n  - fromCIDR: [10.9.0.3/32]\n  - "
      "fromCIDRSet:\n"
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
  EXPECT_EQ(must(endpoint::load_endpoint(paths_, request(object("client", 53), web))).endpoint_id,
            id);
  EXPECT_FALSE(web.reached_from(kOther, 53));
  EXPECT_EQ(must(must(maps::NodeMaps::open(paths_.maps())).endpoints.entries()).size(), 1U);
}

}  // namespace
}  // namespace policyc::testing
