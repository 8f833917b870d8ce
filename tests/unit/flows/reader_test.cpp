#include "compiler/flows/reader.h"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/fuzz/dice.h"
#include "tests/unit/flows/flow_text.h"

namespace policyc::flows {
namespace {

using policyc::testing::flow_line;
using ::testing::HasSubstr;

FlowRecord read(const std::string& line) {
  const auto flow = read_flow(line);
  if (!flow || !*flow) {
    ADD_FAILURE() << line << ": " << (flow ? "no flow" : flow.error().message);
    return {};
  }
  return **flow;
}

TEST(FlowReader, AFlow) {
  const FlowRecord flow = read(flow_line("web", "api", 443, "FORWARDED"));
  EXPECT_EQ(flow.verdict, Verdict::Forwarded);
  EXPECT_EQ(flow.direction, policy::Direction::Ingress);
  EXPECT_FALSE(flow.reply);
  EXPECT_EQ(flow.protocol, policy::Protocol::Tcp);
  EXPECT_EQ(flow.port, 443);
  EXPECT_EQ(flow.source.to_string(), "shop/web-0");
  EXPECT_EQ(flow.destination.labels.find_key("app")->value, "api");
  EXPECT_EQ(flow.source.address->to_string(), "10.0.0.1");
}

TEST(FlowReader, Verdicts) {
  EXPECT_EQ(read(flow_line("a", "b", 1, "DROPPED")).verdict, Verdict::DeniedByPolicy);
  EXPECT_EQ(read(flow_line("a", "b", 1, "AUDIT")).verdict, Verdict::Audited);
  EXPECT_EQ(read(flow_line("a", "b", 1, "REDIRECTED")).verdict, Verdict::Redirected);
  EXPECT_EQ(read(R"({"flow":{"verdict":"DROPPED","drop_reason_desc":"CT_MAP_INSERTION_FAILED"}})")
                .verdict,
            Verdict::Other);
  EXPECT_EQ(read(R"({"flow":{"verdict":"ERROR"}})").verdict, Verdict::Other);
  EXPECT_EQ(read(R"({"flow":{"verdict":"TRANSLATED"}})").verdict, Verdict::Traced);
}

TEST(FlowReader, WhoBegins) {
  const auto begins = [](const std::string& more) {
    return read(R"({"flow":{"verdict":"FORWARDED")" + more + "}}").begins;
  };
  EXPECT_TRUE(begins(R"(,"is_reply":false)"));
  EXPECT_FALSE(begins(R"(,"is_reply":true,"l4":{"TCP":{"flags":{"SYN":true}}})"));
  EXPECT_TRUE(begins(R"(,"l4":{"TCP":{"flags":{"SYN":true}}})"));
  EXPECT_FALSE(begins(R"(,"l4":{"TCP":{"flags":{"SYN":true,"ACK":true}}})"));
  EXPECT_FALSE(begins(""));
}

TEST(FlowReader, RequestsAndOtherProtocols) {
  const FlowRecord http = read(
      R"({"flow":{"verdict":"FORWARDED","l7":{"type":"REQUEST","http":{"method":"GET","url":"http://a.example/v1?x=1","headers":[{"key":"X","value":"y"}]}}}})");
  ASSERT_TRUE(http.http);
  EXPECT_EQ(http.http->path, "/v1?x=1");
  EXPECT_EQ(http.http->host, "a.example");
  EXPECT_EQ(http.http->headers.front().second, "y");
  EXPECT_EQ(
      *read(
           R"({"flow":{"verdict":"FORWARDED","l7":{"type":"REQUEST","dns":{"query":"a.example."}}}})")
           .dns_query,
      "a.example.");
  EXPECT_FALSE(
      read(
          R"({"flow":{"verdict":"FORWARDED","l7":{"type":"RESPONSE","http":{"method":"GET","url":"/"}}}})")
          .http);
  const FlowRecord ping =
      read(R"({"flow":{"verdict":"FORWARDED","l4":{"ICMPv4":{"type":8}},"is_reply":true}})");
  EXPECT_EQ(ping.port, 8);
  EXPECT_TRUE(ping.reply);
  EXPECT_EQ(read(R"({"verdict":"FORWARDED","l4":{"UDP":{"destination_port":53}}})").port, 53)
      << "without the envelope";
}

TEST(FlowReader, WhatIsNoFlow) {
  EXPECT_FALSE(*read_flow(""));
  EXPECT_FALSE(*read_flow("  \r"));
  EXPECT_FALSE(*read_flow(R"({"lost_events":{"num_events_lost":"4"}})"));
  EXPECT_THAT(read_flow(R"({"x":1})").error().message, HasSubstr("neither a flow"));
  EXPECT_THAT(read_flow("nonsense").error().message, HasSubstr("not JSON"));
  EXPECT_THAT(read_flow("[1]").error().message, HasSubstr("no JSON object"));
  EXPECT_THAT(read_flow(R"({"flow":7})").error().message, HasSubstr("no JSON object"));
  EXPECT_THAT(read_flow(R"({"flow":{"l4":{"TCP":{"destination_port":70000}}}})").error().message,
              HasSubstr("destination_port"));
  EXPECT_THAT(read_flow(R"({"flow":{"l4":{"TCP":{"destination_port":-1}}}})").error().message,
              HasSubstr("destination_port"));
  EXPECT_THAT(read_flow(std::string(kMaxLine + 1, ' ')).error().message, HasSubstr("longer"));
}

// The flows that policyc itself prints.
TEST(FlowReader, ReadsOwnFlows) {
  std::ifstream file(POLICYC_TESTDATA "/observe/json.txt");
  std::string line;
  std::size_t flows = 0;
  while (std::getline(file, line)) {
    const auto flow = read_flow(line);
    ASSERT_TRUE(flow) << line;
    flows += flow->has_value() ? 1U : 0U;
  }
  EXPECT_GT(flows, 2U);
}

TEST(FlowReader, SurvivesWhatIsBroken) {
  fuzz::Dice dice(11);
  const std::string good = flow_line("web", "api", 443, "FORWARDED");
  for (int round = 0; round < 5000; ++round) {
    std::string text = good;
    for (std::size_t edits = 1 + dice.below(4); edits > 0; --edits) {
      const std::size_t at = dice.below(text.size());
      if (dice.one_in(3)) {
        text.erase(at, 1 + dice.below(9));
      } else {
        text[at] = static_cast<char>(dice.below(256));
      }
    }
    (void)read_flow(text);
  }
  (void)read_flow(std::string(500'000, '['));
  (void)read_flow("{\"flow\":" + std::string(300'000, '['));
}

}  // namespace
}  // namespace policyc::flows
