// loader/observe: events to flows, flows to text.

#include <cstdlib>
#include <ctime>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "loader/observe/format.h"
#include "tests/support/golden.h"
#include "tests/unit/loader/observe_world.h"

namespace policyc::testing {
namespace {

using nlohmann::json;
using observe::Flow;
using observe::Format;
using observe::FormatOptions;
using observe::TimeFormat;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::uint64_t kOffset = 1'700'000'000'123'456'789ULL;

class FlowTest : public ::testing::Test {
 protected:
  void SetUp() override {
    setenv("TZ", "UTC", 1);
    tzset();
  }

  [[nodiscard]] Flow flow(const event& raw) { return maker_.make(decoded(raw), kOffset); }
  [[nodiscard]] std::string compact(const event& raw) {
    return observe::compact_line(flow(raw), {});
  }
  [[nodiscard]] json document(const event& raw) {
    return json::parse(observe::json_line(flow(raw), "boot"));
  }
  [[nodiscard]] std::vector<Flow> all() {
    std::vector<Flow> flows;
    for (const event& raw : {node_.allowed(), node_.denied(), node_.reply(), node_.unselected(),
                             node_.audited(), node_.query(), node_.truncated()})
      flows.push_back(maker_.make(decoded(raw, 1, flows.size()), kOffset));
    return flows;
  }
  void expect_golden(const FormatOptions& options, const std::string& file) {
    observe::Formatter formatter(options);
    EXPECT_TRUE(matches_golden(std::filesystem::path(POLICYC_TESTDATA) / "observe" / file,
                               formatter.flows(all())));
  }

  ObservedNode node_;
  observe::FlowMaker maker_{node_.paths(), "node-a"};
};

TEST_F(FlowTest, FormatsAreAsWritten) {
  expect_golden({Format::Compact, TimeFormat::StampMilli, false, ""}, "compact.txt");
  expect_golden({Format::Dict, TimeFormat::Rfc3339Nano, true, ""}, "dict.txt");
  expect_golden({Format::Tab, TimeFormat::Rfc3339, false, ""}, "tab.txt");
  expect_golden({Format::Json, TimeFormat::StampMilli, false, "boot"}, "json.txt");
}

TEST_F(FlowTest, BothSidesHaveTheirNames) {
  Flow seen = flow(node_.denied());
  EXPECT_EQ(seen.source.full_name(), "lab/probe-1");
  EXPECT_EQ(seen.source.endpoint_id, 0);
  EXPECT_EQ(seen.destination.full_name(), "shop/web");
  EXPECT_EQ(seen.destination.endpoint_id, 7);
  seen = flow(node_.reply());
  EXPECT_EQ(seen.source.full_name(), "shop/web");
  EXPECT_EQ(seen.destination.full_name(), "shop/client");
  EXPECT_EQ(seen.destination.endpoint_id, 8);
}

TEST_F(FlowTest, AnAddressOfAnotherIdentityIsNotThatPod) {
  event raw = node_.denied();
  raw.peer_identity = kClient;  // the identity that the address had when the packet came
  EXPECT_EQ(flow(raw).source.pod, "");
  EXPECT_EQ(flow(raw).source.namespace_, "shop");
  raw = node_.allowed();
  raw.peer_identity = kProbe;
  EXPECT_EQ(flow(raw).source.pod, "");
  EXPECT_EQ(flow(raw).source.endpoint_id, 0);
}

TEST_F(FlowTest, WithoutTheLoadersFilesNumbersAreShown) {
  observe::FlowMaker maker({"/nonexistent", "/nonexistent"}, "");
  const Flow unnamed = maker.make(decoded(node_.denied()), kOffset);
  EXPECT_EQ(observe::compact_line(unnamed, {}),
            "Nov 14 22:13:21.123: 10.8.0.3:40000 (ID:259) <> 10.9.1.1:80 (ID:257) Policy denied by "
            "denylist DROPPED (TCP Flags: SYN)");
  const json shown = json::parse(observe::json_line(unnamed, ""));
  EXPECT_FALSE(shown.contains("node_name"));
  EXPECT_FALSE(shown["flow"].contains("policy_match_type"));
  EXPECT_FALSE(shown["flow"].contains("ingress_denied_by"));
  EXPECT_EQ(shown["flow"]["source"], json({{"identity", 259}}));
}

TEST_F(FlowTest, NamesFollowTheLoader) {
  EXPECT_EQ(flow(node_.allowed()).source.pod, "client");
  auto state = must(endpoint::read_state(node_.paths()));
  endpoint::EndpointRecord added = state.endpoints.back();
  added.id = 9;
  added.interface = "late0";
  added.interface_index = 99;
  added.name = "shop/late";
  added.addresses = {*parse_ip_address("10.9.1.9")};
  state.endpoints.push_back(added);
  state.next_endpoint_id = 10;
  must(endpoint::write_state(node_.paths(), state));
  event raw = node_.allowed();
  raw.endpoint_id = 9;
  EXPECT_EQ(flow(raw).destination.full_name(), "shop/late");
}

TEST_F(FlowTest, TheSpecificityOfARuleIsTold) {
  EXPECT_EQ(flow(node_.allowed()).cause.match, observe::MatchType::L3L4);
  EXPECT_EQ(flow(node_.denied()).cause.match, observe::MatchType::L3Only);
  EXPECT_EQ(flow(node_.query()).cause.match, observe::MatchType::L4Only);
  EXPECT_EQ(flow(node_.unselected()).cause.match, observe::MatchType::None);
  EXPECT_EQ(flow(node_.reply()).cause.match, observe::MatchType::L3L4);
  EXPECT_EQ(flow(node_.truncated()).cause.match, std::nullopt);
}

TEST_F(FlowTest, AReplyHasTheDirectionAndTheRuleOfItsConnection) {
  const json reply = document(node_.reply())["flow"];
  EXPECT_EQ(reply["traffic_direction"], "INGRESS");
  EXPECT_EQ(reply["is_reply"], true);
  EXPECT_EQ(reply["trace_observation_point"], "FROM_ENDPOINT");
  EXPECT_EQ(reply["trace_reason"], "REPLY");
  EXPECT_EQ(reply["policyc"]["line"], 7);
  EXPECT_THAT(compact(node_.reply()),
              HasSubstr("shop/client:40000 (ID:258) <- shop/web:80 (ID:257) from-endpoint "));
  event raw = node_.allowed();
  raw.type = EVENT_TRACE;
  raw.connection = CT_ESTABLISHED;
  const json forward = document(raw)["flow"];
  EXPECT_EQ(forward["traffic_direction"], "INGRESS");
  EXPECT_EQ(forward["is_reply"], false);
  EXPECT_EQ(forward["trace_observation_point"], "TO_ENDPOINT");
  EXPECT_FALSE(forward["event_type"].contains("sub_type"));
}

TEST_F(FlowTest, WhatIsNotKnownIsLeftOut) {
  const json unparsed = document(node_.truncated())["flow"];
  for (const char* key : {"IP", "l4", "destination", "is_reply", "Summary", "policy_match_type"})
    EXPECT_FALSE(unparsed.contains(key)) << key;
  EXPECT_EQ(unparsed["drop_reason"], 134);
  EXPECT_EQ(unparsed["policyc"],
            json({{"reason", "packet too short for its headers"}, {"length", 19}}));
  event raw = node_.denied();
  raw.reason = DROP_L7_PROXY_UNAVAILABLE;
  const json uncounted = document(raw)["flow"];
  EXPECT_FALSE(uncounted.contains("drop_reason"));
  EXPECT_FALSE(uncounted.contains("drop_reason_desc"));
  EXPECT_EQ(uncounted["policyc"]["reason"], "L7 proxy not available");
  EXPECT_THAT(compact(raw), HasSubstr("L7 proxy not available DROPPED"));
}

TEST_F(FlowTest, ProtocolsHaveTheirOwnMessages) {
  event raw = node_.allowed();
  raw.tcp_flags = 0xff;
  EXPECT_EQ(document(raw)["flow"]["Summary"], "TCP Flags: SYN, ACK, RST, FIN, PSH, URG, ECE, CWR");
  EXPECT_EQ(document(raw)["flow"]["l4"]["TCP"]["flags"].size(), 8U);
  raw = node_.query();
  raw.protocol = 132;
  EXPECT_EQ(document(raw)["flow"]["l4"],
            json({{"SCTP", {{"source_port", 40000}, {"destination_port", 53}}}}));
  raw = node_.audited();
  raw.destination_port = htons(3);
  raw.icmp_code = 4;
  EXPECT_EQ(document(raw)["flow"]["l4"], json({{"ICMPv4", {{"type", 3}, {"code", 4}}}}));
  EXPECT_EQ(document(raw)["flow"]["Summary"], "ICMPv4 DestinationUnreachable(4)");
  raw.protocol = 58;
  raw.destination_port = htons(129);
  raw.icmp_code = 0;
  EXPECT_EQ(document(raw)["flow"]["l4"], json({{"ICMPv6", {{"type", 129}}}}));
  EXPECT_EQ(document(raw)["flow"]["Summary"], "ICMPv6 EchoReply");
  raw.protocol = 89;
  EXPECT_FALSE(document(raw)["flow"].contains("l4"));
  EXPECT_EQ(document(raw)["flow"]["Summary"], "protocol 89");
}

TEST_F(FlowTest, AUuidIsTheEventsOwn) {
  const auto uuid = [this](std::uint32_t cpu, std::uint64_t number, const std::string& boot) {
    return observe::flow_uuid(decoded(node_.allowed(), cpu, number), boot);
  };
  EXPECT_EQ(uuid(1, 2, "a"), uuid(1, 2, "a"));
  EXPECT_NE(uuid(1, 2, "a"), uuid(1, 3, "a"));
  EXPECT_NE(uuid(1, 2, "a"), uuid(2, 2, "a"));
  EXPECT_NE(uuid(1, 2, "a"), uuid(1, 2, "b"));
  for (std::uint64_t number = 0; number < 64; ++number)
    EXPECT_THAT(uuid(0, number, "a"),
                ::testing::MatchesRegex(
                    "[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"));
}

TEST_F(FlowTest, LostEventsAreALineOfTheirOwn) {
  EXPECT_EQ(observe::Formatter({Format::Json, {}, false, ""}).lost(3, "node-a", 1'000'000'000),
            "{\"lost_events\":{\"source\":\"PERF_EVENT_RING_BUFFER\",\"num_events_lost\":\"3\"},"
            "\"node_name\":\"node-a\",\"time\":\"1970-01-01T00:00:01Z\"}\n");
  EXPECT_EQ(observe::Formatter({Format::Compact, {}, true, ""}).lost(3, "node-a", 1'000'000'000),
            "Jan  1 00:00:01.000 [node-a] EVENTS LOST: PERF_EVENT_RING_BUFFER 3\n");
}

TEST_F(FlowTest, LaterRowsOfATableKeepItsColumns) {
  observe::Formatter formatter({Format::Tab, {}, false, ""});
  const auto flows = all();
  const std::string first = formatter.flows(flows);
  const std::string later = formatter.flows(std::span(flows).first(1));
  EXPECT_THAT(later, Not(HasSubstr("TIMESTAMP")));
  EXPECT_EQ(later.find("policy-verdict"), first.find("TYPE"));
}

TEST(TimeTextTest, DigitsAreThoseThatSaySomething) {
  EXPECT_EQ(observe::timestamp(1'700'000'000'123'456'789ULL), "2023-11-14T22:13:20.123456789Z");
  EXPECT_EQ(observe::timestamp(1'700'000'000'120'000'000ULL), "2023-11-14T22:13:20.120Z");
  EXPECT_EQ(observe::timestamp(1'700'000'000'000'001'000ULL), "2023-11-14T22:13:20.000001Z");
  EXPECT_EQ(observe::timestamp(1'700'000'000'000'000'000ULL), "2023-11-14T22:13:20Z");
}

TEST(TimeTextTest, StampsAreLocal) {
  setenv("TZ", "IST-5:30", 1);  // east of Greenwich
  tzset();
  const std::uint64_t time = 1'700'000'000'123'456'789ULL;
  EXPECT_EQ(observe::time_text(time, TimeFormat::StampMilli), "Nov 15 03:43:20.123");
  EXPECT_EQ(observe::time_text(time, TimeFormat::Rfc3339Micro), "2023-11-15T03:43:20.123456+05:30");
  setenv("TZ", "UTC", 1);
  tzset();
  EXPECT_EQ(observe::time_text(0, TimeFormat::StampMilli), "Jan  1 00:00:00.000");
  EXPECT_EQ(observe::time_text(0, TimeFormat::Rfc3339), "1970-01-01T00:00:00Z");
}

TEST(TimeTest, PointsInTimeAreReadAsHubbleReadsThem) {
  constexpr std::uint64_t kNow = 2'000'000'000'000'000'000;
  const auto seconds = [](const char* text) { return observe::parse_time(text, kNow); };
  EXPECT_EQ(seconds("90s"), kNow - 90'000'000'000);
  EXPECT_EQ(seconds("1000000h"), 0U) << "longer ago than 1970";
  constexpr std::uint64_t kSecond = 1'000'000'000;
  EXPECT_EQ(seconds("1970-01-02"), 86'400 * kSecond);
  EXPECT_EQ(seconds("2026-01-02T03:04:05Z"), 1'767'323'045 * kSecond);
  EXPECT_EQ(seconds("2026-01-02T04:04:05+01:00"), 1'767'323'045 * kSecond);
  EXPECT_EQ(seconds("2026-01-02T01:34:05.25-01:30"), 1'767'323'045 * kSecond + kSecond / 4);
  EXPECT_EQ(seconds("2026-01-02T03:04:05.123456789Z"), 1'767'323'045 * kSecond + 123'456'789);
  EXPECT_EQ(seconds("2026-01-02T04+01:00"), (1'767'323'045 - 245) * kSecond);
  EXPECT_EQ(seconds("Fri, 02 Jan 2026 04:04:05 +0100"), 1'767'323'045 * kSecond);
  for (const char* bad :
       {"", "yesterday", "2026", "2026-02-30", "2026-00-01", "2026-01-02T", "2026-01-02T24+00:00",
        "2026-01-02T03:04:05", "2026-01-02T03:04:60Z", "2026-01-02T03:04:05.Z",
        "2026-01-02T03:04:05+0100", "2026-01-02T03:04:05Z ", "1969-12-31", "1970-01-01T00+01:00",
        "02 Jan 2026 04:04:05 +0100", "Fri, 02 Jan 2026 04:04:05 GMT", "-5s", "2026-1-2"})
    EXPECT_EQ(seconds(bad), std::nullopt) << bad;
}

TEST(TimeTextTest, DurationsAreGos) {
  EXPECT_EQ(observe::parse_duration("90s"), 90'000'000'000U);
  EXPECT_EQ(observe::parse_duration("1h30m"), 5'400'000'000'000U);
  EXPECT_EQ(observe::parse_duration("1.5s"), 1'500'000'000U);
  EXPECT_EQ(observe::parse_duration("250ms"), 250'000'000U);
  EXPECT_EQ(observe::parse_duration("0"), 0U);
  for (const char* bad : {"", "5", "s", "-1s", "1x", "1.2.3s", "1s2", "1 s", "9999999999h"})
    EXPECT_EQ(observe::parse_duration(bad), std::nullopt) << bad;
}

TEST(EventTest, ARecordIsDecoded) {
  const ObservedNode node;
  const auto seen = decoded(node.denied(), 3, 9);
  EXPECT_TRUE(seen.dropped);
  EXPECT_EQ(seen.direction, POLICYC_INGRESS);
  EXPECT_EQ(seen.rule_id, 2U);
  EXPECT_EQ(seen.verdict, POLICY_DENY);
  EXPECT_EQ(seen.source->to_string(), "10.8.0.3");
  EXPECT_EQ(seen.destination_port, 80);
  EXPECT_EQ(seen.cpu, 3U);
  EXPECT_EQ(seen.number, 9U);
  event unknown = node.denied();
  unknown.type = 77;
  EXPECT_FALSE(observe::decode(events::Record{unknown, 0, 0}));
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

}  // namespace
}  // namespace policyc::testing
