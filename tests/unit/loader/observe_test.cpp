// loader/observe: records to events, events to lines, and real drops with the place of their rule.

#include <cstring>

#include <arpa/inet.h>
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
using observe::Format;
using ::testing::HasSubstr;

event raw_event() {
  event raw{};
  raw.time_ns = 1;
  raw.type = EVENT_DROP;
  raw.reason = DROP_POLICY_DENY;
  raw.direction = POLICYC_EGRESS;
  raw.family = 4;
  raw.decision = static_cast<std::uint32_t>(POLICYC_DECISION(POLICY_DENY, 12));
  raw.interface_index = 3;
  raw.source_port = htons(4000);
  raw.destination_port = htons(443);
  raw.protocol = 6;
  raw.source[0] = 10;
  raw.source[3] = 1;
  raw.destination[0] = 10;
  raw.destination[3] = 2;
  raw.length = 60;
  return raw;
}

std::optional<Event> decoded(const event& raw) {
  return observe::decode(std::as_bytes(std::span(&raw, 1)));
}

TEST(EventTest, ARecordIsDecoded) {
  const auto event = decoded(raw_event());
  ASSERT_TRUE(event);
  EXPECT_TRUE(event->dropped);
  EXPECT_EQ(event->direction, POLICYC_EGRESS);
  EXPECT_EQ(event->rule_id, 12U);
  EXPECT_EQ(event->verdict, POLICY_DENY);
  EXPECT_EQ(event->source->to_string(), "10.0.0.1");
  EXPECT_EQ(event->destination_port, 443);
}

TEST(EventTest, ShortAndUnknownRecordsAreNotEvents) {
  auto raw = raw_event();
  const auto bytes = std::as_bytes(std::span(&raw, 1));
  EXPECT_FALSE(observe::decode(bytes.first(bytes.size() - 1)));
  EXPECT_FALSE(observe::decode({}));
  raw.type = 77;
  EXPECT_FALSE(decoded(raw));
}

TEST(EventTest, EveryReasonAndVerdictHasAText) {
#define POLICYC_DROP_REASON(name, number, text) EXPECT_EQ(observe::reason_text(DROP_##name), text);
#include "runtime/abi/drop_reasons.def"
#undef POLICYC_DROP_REASON
#define POLICYC_VERDICT(name, number, text) EXPECT_EQ(observe::verdict_text(POLICY_##name), text);
#include "runtime/abi/policy_verdicts.def"
#undef POLICYC_VERDICT
  EXPECT_EQ(observe::reason_text(200), "unknown reason");
}

TEST(EventTest, LinesHoldWhatHappened) {
  observe::Names names({"/nonexistent", "/nonexistent"});
  const auto line = observe::format(*decoded(raw_event()), names, Format::Compact, 0);
  EXPECT_EQ(line,
            "1970-01-01T00:00:00.000000Z interface 3 egress 10.0.0.1:4000 -> 10.0.0.2:443 TCP "
            "DROPPED policy: denied by rule");
  auto raw = raw_event();
  raw.family = 6;
  raw.protocol = 58;
  raw.destination_port = htons(128);
  EXPECT_THAT(observe::format(*decoded(raw), names, Format::Compact, 0),
              HasSubstr("ICMPv6 type 128"));
  raw.family = 0;
  EXPECT_THAT(observe::format(*decoded(raw), names, Format::Compact, 0),
              HasSubstr("packet of 60 bytes DROPPED"));
  raw = raw_event();
  raw.type = EVENT_VERDICT;
  raw.audited = 1;
  EXPECT_THAT(observe::format(*decoded(raw), names, Format::Compact, 0), HasSubstr("AUDITED"));
  raw.audited = 0;
  raw.reason = DROP_NONE;
  raw.decision = static_cast<std::uint32_t>(POLICYC_DECISION(POLICY_ALLOW, 1));
  EXPECT_THAT(observe::format(*decoded(raw), names, Format::Compact, 0),
              HasSubstr("FORWARDED allow"));
}

TEST(EventTest, TimeIsRfc3339) {
  EXPECT_EQ(observe::time_text(1'700'000'000'123'456'789ULL), "2023-11-14T22:13:20.123456Z");
}

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

class ObserveTest : public KernelTest {};

TEST_F(ObserveTest, DropsNameTheirRule) {
  const Pod web("web0", "10.9.1.1");
  for (const char* address : {"10.9.0.11", "10.9.0.12", "10.9.0.13"}) add_host_address(address);
  const auto bytes = compile_policies(kPolicy).at(0);
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
  request.sizes = {64, 256, 256, 1024, 64, 65536};
  must(endpoint::load_endpoint(paths_, request));
  const auto maps = must(maps::NodeMaps::open(paths_.maps()));
  auto reader = must(observe::Reader::open(maps.events));
  const auto ignore = [](const Event&) { return true; };
  must(reader.poll(0, ignore));

  EXPECT_TRUE(web.reached_from("10.9.0.11", 5301));
  EXPECT_FALSE(web.reached_from("10.9.0.12", 5302));
  EXPECT_FALSE(web.reached_from("10.9.0.13", 5303));
  observe::Names names(paths_);
  std::vector<std::string> lines;
  std::vector<std::string> documents;
  for (int i = 0; i < 20 && lines.size() < 3; ++i) {
    must(reader.poll(50, [&](const Event& event) {
      if (event.destination_port < 5301 || event.destination_port > 5303) return true;
      lines.push_back(
          observe::format(event, names, Format::Compact, observe::wall_clock_offset_ns()));
      documents.push_back(
          observe::format(event, names, Format::Json, observe::wall_clock_offset_ns()));
      return true;
    }));
  }
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_THAT(lines[0], HasSubstr("shop/web ingress 10.9.0.11:"));
  EXPECT_THAT(lines[0], HasSubstr("-> 10.9.1.1:5301 UDP FORWARDED allow, rule "));
  EXPECT_THAT(lines[0], HasSubstr("CiliumNetworkPolicy/shop/web"));
  EXPECT_THAT(lines[0], HasSubstr(" at policy.yaml:7"));
  EXPECT_THAT(lines[1], HasSubstr("UDP DROPPED policy: denied by rule, rule "));
  EXPECT_THAT(lines[1], HasSubstr(" at policy.yaml:9"));
  EXPECT_THAT(lines[2], HasSubstr("DROPPED policy: default deny, by CiliumNetworkPolicy/shop/web"));
  EXPECT_THAT(lines[2], HasSubstr("policy.yaml:"));

  const auto json = nlohmann::json::parse(documents[1]);
  EXPECT_EQ(json["outcome"], "DROPPED");
  EXPECT_EQ(json["endpoint"]["name"], "shop/web");
  EXPECT_EQ(json["destination"]["port"], 5302);
  EXPECT_THAT(json["peer"]["labels"].get<std::string>(), HasSubstr("k8s:app=foe"));
  EXPECT_EQ(json["policies"][0]["line"], 9);
}

TEST_F(ObserveTest, AReaderStopsWhenAsked) {
  const auto maps = must(maps::NodeMaps::open_or_create(paths_.maps(), {64, 64, 64, 64, 64, 4096}));
  auto reader = must(observe::Reader::open(maps.events));
  EXPECT_EQ(must(reader.poll(1, [](const Event&) { return true; })), 0);
}

}  // namespace
}  // namespace policyc::testing
