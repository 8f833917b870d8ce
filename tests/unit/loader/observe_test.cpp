// loader/observe: real drops with the place of their rule, and readers of the node's rings.

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "loader/endpoint/load.h"
#include "loader/maps/node_maps.h"
#include "loader/observe/format.h"
#include "loader/observe/reader.h"
#include "tests/unit/loader/programs.h"
#include "tests/unit/loader/sandbox.h"

namespace policyc::testing {
namespace {

using observe::Event;
using ::testing::HasSubstr;

constexpr const char* kPolicy = R"(apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  endpointSelector: {matchLabels: {app: web}}
  ingress:
  - fromEndpoints: [{matchLabels: {app: client}}]
  ingressDeny:
  - fromEndpoints: [{matchLabels: {app: foe}}]
)";

class ObserveTest : public KernelTest {
 protected:
  static void SetUpTestSuite() {
    KernelTest::SetUpTestSuite();
    for (const char* address : {"10.9.0.11", "10.9.0.12", "10.9.0.13"}) add_host_address(address);
  }
  // shop/web behind web0, under the policy; client and foe are addresses of the host.
  void load_web(const std::string& policy = kPolicy) {
    const auto bytes = compile_policies(policy).at(0);
    endpoint::LoadRequest request;
    request.object = bytes;
    request.interface = "web0";
    request.addresses = {*parse_ip_address("10.9.1.1")};
    request.inventory.emplace();
    const std::pair<const char*, const char*> pods[] = {
        {"client", "10.9.0.11"}, {"foe", "10.9.0.12"}, {"web", "10.9.1.1"}};
    for (const auto& [name, address] : pods) {
      policy::Endpoint pod;
      pod.namespace_ = "shop";
      pod.name = name;
      pod.labels = {{"app", name}};
      pod.addresses = {*parse_ip_address(address)};
      request.inventory->cluster.endpoints.push_back(pod);
    }
    request.trace_verdicts = true;
    request.sizes = {64, 64, 256, 256, 1024, 64};
    must(endpoint::load_endpoint(paths_, request));
  }
};

TEST_F(ObserveTest, RepliesAreTracedToTheRuleOfTheirConnection) {
  const Pod web("web0", "10.9.1.1");
  load_web();
  const auto maps = must(maps::NodeMaps::open(paths_.maps()));
  auto config = must(maps.config());
  config.flags |= NODE_TRACE;
  must(maps.set_config(config));
  auto reader = must(observe::Reader::open(maps, events::From::Now));
  const bpf::Fd server = web.udp_socket(5301);
  const bpf::Fd client = host_udp_socket("10.9.0.11", 6301);
  send_datagram(client, "10.9.1.1", 5301);
  ASSERT_TRUE(receives(server));
  send_datagram(server, "10.9.0.11", 6301);
  ASSERT_TRUE(receives(client));
  observe::FlowMaker maker(paths_, "node-a");
  std::vector<std::string> lines;
  reader.poll(1000, [&](const Event& event) {
    if (event.source_port != 5301 && event.destination_port != 5301) return true;
    lines.push_back(observe::compact_line(maker.make(event, 0), {}));
    return true;
  });
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_THAT(lines[0], HasSubstr(") -> shop/web:5301 (ID:"));
  EXPECT_THAT(lines[1], HasSubstr(": shop/client:6301 (ID:"));
  EXPECT_THAT(lines[1], HasSubstr(") <- shop/web:5301 (ID:"));
  EXPECT_THAT(lines[1], HasSubstr(") from-endpoint FORWARDED (UDP), rule "));
  EXPECT_THAT(lines[1], HasSubstr(" at policy.yaml:7"));
}

TEST_F(ObserveTest, DropsNameTheirRule) {
  const Pod web("web0", "10.9.1.1");
  load_web();
  const auto maps = must(maps::NodeMaps::open(paths_.maps()));
  auto reader = must(observe::Reader::open(maps, events::From::Now));

  EXPECT_TRUE(web.reached_from("10.9.0.11", 5301));
  EXPECT_FALSE(web.reached_from("10.9.0.12", 5302));
  EXPECT_FALSE(web.reached_from("10.9.0.13", 5303));
  observe::FlowMaker maker(paths_, "node-a");
  std::vector<std::string> lines;
  std::vector<std::string> documents;
  for (int i = 0; i < 20 && lines.size() < 3; ++i) {
    reader.poll(50, [&](const Event& event) {
      if (event.destination_port < 5301 || event.destination_port > 5303) return true;
      const auto flow = maker.make(event, observe::wall_clock_offset_ns());
      lines.push_back(observe::compact_line(flow, {}));
      documents.push_back(observe::json_line(flow, observe::boot_id()));
      return true;
    });
  }
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_THAT(lines[0], HasSubstr(": shop/client:"));
  EXPECT_THAT(lines[0], HasSubstr(" -> shop/web:5301 (ID:"));
  EXPECT_THAT(lines[0], HasSubstr(") policy-verdict:L3-Only INGRESS ALLOWED (UDP), rule "));
  EXPECT_THAT(lines[0], HasSubstr("CiliumNetworkPolicy/shop/web"));
  EXPECT_THAT(lines[0], HasSubstr(" at policy.yaml:7"));
  EXPECT_THAT(lines[1], HasSubstr(") Policy denied by denylist DROPPED (UDP), rule "));
  EXPECT_THAT(lines[1], HasSubstr(" at policy.yaml:9"));
  EXPECT_THAT(lines[2],
              HasSubstr(") Policy denied DROPPED (UDP), by CiliumNetworkPolicy/shop/web"));
  EXPECT_THAT(lines[2], HasSubstr("policy.yaml:"));

  const auto flow = nlohmann::json::parse(documents[1])["flow"];
  EXPECT_EQ(flow["verdict"], "DROPPED");
  EXPECT_EQ(flow["destination"]["pod_name"], "web");
  EXPECT_EQ(flow["source"]["pod_name"], "foe");
  EXPECT_EQ(flow["l4"]["UDP"]["destination_port"], 5302);
  EXPECT_THAT(flow["source"]["labels"].dump(), HasSubstr("k8s:app=foe"));
  EXPECT_EQ(flow["ingress_denied_by"][0]["name"], "web");
  EXPECT_EQ(flow["policyc"]["line"], 9);
}

TEST_F(ObserveTest, APolicyInAuditModeReportsWhatItWouldDeny) {
  const Pod web("web0", "10.9.1.1");
  std::string policy(kPolicy);
  const std::string name = "namespace: shop";
  policy.replace(policy.find(name), name.size(),
                 "namespace: shop, annotations: {policyc.io/audit: \"true\"}");
  load_web(policy);
  const auto maps = must(maps::NodeMaps::open(paths_.maps()));
  auto reader = must(observe::Reader::open(maps, events::From::Now));

  EXPECT_TRUE(web.reached_from("10.9.0.12", 5302));
  EXPECT_TRUE(web.reached_from("10.9.0.13", 5303));
  observe::FlowMaker maker(paths_, "node-a");
  std::vector<observe::Flow> flows;
  for (int i = 0; i < 20 && flows.size() < 2; ++i) {
    reader.poll(50, [&](const Event& event) {
      if (event.destination_port == 5302 || event.destination_port == 5303)
        flows.push_back(maker.make(event, 0));
      return true;
    });
  }
  ASSERT_EQ(flows.size(), 2U);
  EXPECT_EQ(flows[0].verdict, observe::FlowVerdict::Audit);
  EXPECT_THAT(observe::compact_line(flows[0], {}), HasSubstr(" AUDITED (UDP), rule "));
  EXPECT_THAT(observe::compact_line(flows[0], {}), HasSubstr(" at policy.yaml:9"));
  EXPECT_EQ(flows[1].verdict, observe::FlowVerdict::Audit);
  EXPECT_THAT(observe::compact_line(flows[1], {}), HasSubstr("CiliumNetworkPolicy/shop/web"));

  // The same policy in force.
  load_web();
  EXPECT_FALSE(web.reached_from("10.9.0.12", 5302));
}

TEST_F(ObserveTest, AReaderStopsWhenAsked) {
  const auto maps = must(maps::NodeMaps::open_or_create(paths_.maps(), {64, 64, 64, 64, 64, 64}));
  auto reader = must(observe::Reader::open(maps, events::From::Now));
  EXPECT_EQ(reader.poll(1, [](const Event&) { return true; }), 0U);
}

}  // namespace
}  // namespace policyc::testing
