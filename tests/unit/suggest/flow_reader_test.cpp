// Lines of flows, good and hostile.
#include "compiler/suggest/flow_reader.h"

#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "compiler/flows/reader.h"

namespace policyc::suggest::testing {
namespace {

using ::testing::HasSubstr;

ReadFlows read(const std::string& text) {
  std::istringstream in(text);
  ReadFlows flows;
  read_flows(in, flows);
  return flows;
}

std::string flow(const std::string& more, const std::string& label = "k8s:app=web") {
  return R"({"flow":{"source":{"namespace":"a","pod_name":"p","labels":[")" + label +
         R"("]},"destination":{"labels":["reserved:world"]},"IP":{"source":"10.0.0.1","destination":"192.0.2.1"},)" +
         more + "}}\n";
}
const std::string kTcp =
    R"("verdict":"FORWARDED","is_reply":false,"l4":{"TCP":{"destination_port":443}})";

TEST(FlowReader, TakesForwardedConnectionsThatAreNoReplies) {
  const ReadFlows good = read(flow(kTcp) + "\n\r\n" + flow(kTcp));
  ASSERT_EQ(good.flows.size(), 1U);
  EXPECT_EQ(good.lines, 2U);
  const SeenFlow& one = *good.flows.begin();
  EXPECT_EQ(one.source.to_string(), "a/p");
  EXPECT_EQ(one.source.labels, (policy::StringMap{{"app", "web"}}));
  EXPECT_EQ(one.destination.to_string(), "world 192.0.2.1");
  EXPECT_EQ(one.port, 443);
  for (
      const char* other :
      {R"("verdict":"DROPPED","is_reply":false,"l4":{"TCP":{"destination_port":443}})",
       R"("verdict":"AUDIT","is_reply":false,"l4":{"TCP":{"destination_port":443}})",
       R"("verdict":"FORWARDED","is_reply":true,"l4":{"TCP":{"destination_port":443}})",
       R"("verdict":"FORWARDED","l4":{"TCP":{"destination_port":443,"flags":{"SYN":true,"ACK":true}}})",
       R"("verdict":"FORWARDED","l4":{"UDP":{"destination_port":53}})",
       R"("verdict":"FORWARDED","is_reply":false)"}) {
    const ReadFlows none = read(flow(other));
    EXPECT_TRUE(none.flows.empty()) << other;
    EXPECT_EQ(none.left_out, 1U) << other;
    EXPECT_EQ(none.bad_lines, 0U) << other;
  }
}

TEST(FlowReader, NamesTheLineThatIsBad) {
  const std::pair<std::string, const char*> kBad[] = {
      {"{\n", "not JSON"},
      {"[]\n", "no JSON object"},
      {"{\"flow\":1}\n", "no JSON object"},
      {"{\"x\":1}\n", "neither a flow"},
      {flow(R"("verdict":"FORWARDED","is_reply":false,"l4":{"TCP":{"destination_port":70000}})"),
       "destination_port"},
      {flow(R"("verdict":"FORWARDED","is_reply":false,"l4":{"TCP":{"destination_port":-1}})"),
       "destination_port"},
      {flow(kTcp, "k8s:a b=c"), "is no label"},
      {flow(kTcp, "k8s:app=x\\n  evil: true"), "is no label"},
      {flow(kTcp, "k8s:io.kubernetes.pod.namespace=../x"), "no name"},
      {std::string(flows::kMaxLine + 5, 'x') + "\n", "longer than"},
      {std::string(200'000, '[') + "\n", "not JSON"},
      {"{\"flow\":{\"verdict\":\"\xff\"}}\n", "not JSON"},
  };
  for (const auto& [line, reason] : kBad) {
    const ReadFlows flows = read(flow(kTcp) + line + flow(kTcp));
    ASSERT_EQ(flows.bad_lines, 1U) << line.substr(0, 200);
    EXPECT_EQ(flows.bad[0].line, 2U);
    EXPECT_THAT(flows.bad[0].reason, HasSubstr(reason));
    EXPECT_EQ(flows.flows.size(), 1U);
  }
}

TEST(FlowReader, KeepsNoMoreBadLinesThanItShows) {
  std::string text;
  for (int i = 0; i < 1000; ++i) text += "?\n";
  const ReadFlows flows = read(text);
  EXPECT_EQ(flows.bad_lines, 1000U);
  EXPECT_EQ(flows.bad.size(), kMaxBadLines);
}

}  // namespace
}  // namespace policyc::suggest::testing
