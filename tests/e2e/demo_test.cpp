// `policyc demo` as a stranger runs it: what it says, its exit code, and that nothing stays behind.

#include <csignal>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/e2e/child_process.h"

namespace policyc::test {
namespace {

namespace fs = std::filesystem;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

// Everything on the machine that bears the name of that demo.
std::set<std::string> traces_of(pid_t pid) {
  const std::string name = "policyc-demo-" + std::to_string(pid);
  std::set<std::string> found;
  for (const char* folder : {"/run/netns", "/run", "/sys/fs/bpf"}) {
    std::error_code error;
    for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
         entry.increment(error)) {
      const std::string file = entry->path().filename().string();
      if (file == name || file.starts_with(name + "-")) found.insert(entry->path().string());
    }
  }
  return found;
}

std::set<std::string> interfaces() {
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator("/sys/class/net"))
    names.insert(entry.path().filename().string());
  return names;
}

// "demo/api.yaml:12": the line of the manifest that carries the comment.
std::string place_of(const std::string& file, const std::string& comment) {
  std::ifstream manifest(std::string(POLICYC_TESTDATA) + "/" + file);
  std::string line;
  for (int number = 1; std::getline(manifest, line); ++number) {
    if (line.ends_with("# " + comment)) return file + ":" + std::to_string(number);
  }
  ADD_FAILURE() << file << " has no line with the comment `" << comment << "`";
  return {};
}

std::string write_file(const std::string& name, const std::string& text) {
  const std::string path = testing::TempDir() + name;
  std::ofstream(path) << text;
  return path;
}

class DemoTest : public testing::Test {
 protected:
  void SetUp() override { before_ = interfaces(); }
  void expect_nothing_left(const ChildProcess& demo) const {
    EXPECT_THAT(traces_of(demo.pid()), IsEmpty());
    EXPECT_EQ(interfaces(), before_);
  }

 private:
  std::set<std::string> before_;
};

TEST_F(DemoTest, ShowsEveryFlowAsExpected) {
  ChildProcess demo({POLICYC_BINARY, "demo"});
  const int status = demo.wait();
  const std::string& output = demo.output();
  EXPECT_EQ(status, 0) << output;
  EXPECT_THAT(output, HasSubstr("\n22 attempts, 22 as expected\n"));
  EXPECT_THAT(output, Not(HasSubstr("NOT as expected")));
  // Allowed: a real exchange, and the rule with its place.
  EXPECT_THAT(
      output,
      ContainsRegex("frontend -> api +TCP 443 +IPv6 +pass expected: connected, 12 bytes echoed"));
  EXPECT_THAT(output, HasSubstr("by CiliumNetworkPolicy/demo/api spec.ingress[0] (" +
                                place_of("demo/api.yaml", "rule: https") + ")"));
  EXPECT_THAT(output, ContainsRegex("frontend -> api +ICMP echo +IPv4 +pass expected: echo reply"));
  // Denied by a rule, by default, and for want of a proxy.
  EXPECT_THAT(output, HasSubstr("dropped at demo/api ingress: policy: denied by rule\n        by "
                                "CiliumNetworkPolicy/demo/api-shared "
                                "spec.ingressDeny[0] (" +
                                place_of("demo/api-shared.yaml", "rule: not from other") + ")"));
  EXPECT_THAT(output,
              HasSubstr("dropped at demo/other egress: policy: default deny\n        selected by "
                        "CiliumNetworkPolicy/demo/other-egress"));
  EXPECT_THAT(output, HasSubstr("dropped at demo/api ingress: L7 proxy not available\n        by "
                                "CiliumNetworkPolicy/demo/api "
                                "spec.ingress[1] (" +
                                place_of("demo/api.yaml", "rule: http") + ")"));
  // The live update.
  EXPECT_THAT(output, HasSubstr("keeps flowing, nothing lost"));
  EXPECT_THAT(output, HasSubstr("spec.ingressDeny[1] (" +
                                place_of("demo/update/api-shared.yaml", "rule: closed") + ")"));
  EXPECT_THAT(output, HasSubstr("cut by the new rule"));
  expect_nothing_left(demo);
}

TEST_F(DemoTest, WithoutL7TheHttpFlowPasses) {
  ChildProcess demo({POLICYC_BINARY, "demo", "--without-l7"});
  EXPECT_EQ(demo.wait(), 0) << demo.output();
  EXPECT_THAT(
      demo.output(),
      ContainsRegex("frontend -> api +HTTP 80 +IPv4 +pass expected: connected, HTTP/1.1 200 OK"));
  EXPECT_THAT(demo.output(), Not(HasSubstr("L7 proxy not available")));
  expect_nothing_left(demo);
}

TEST_F(DemoTest, CleansUpWhenInterrupted) {
  for (const int signal : {SIGINT, SIGTERM}) {
    ChildProcess demo({POLICYC_BINARY, "demo"});
    ASSERT_TRUE(demo.wait_for("connected, 12 bytes")) << demo.output();
    EXPECT_FALSE(traces_of(demo.pid()).empty());
    demo.send(signal);
    EXPECT_EQ(demo.wait(), 128 + signal) << demo.output();
    EXPECT_THAT(demo.output(), Not(HasSubstr(" as expected\n")));
    expect_nothing_left(demo);
  }
}

TEST_F(DemoTest, TheNextStartRemovesWhatAKilledOneLeft) {
  ChildProcess killed({POLICYC_BINARY, "demo"});
  ASSERT_TRUE(killed.wait_for("connected, 12 bytes")) << killed.output();
  killed.send(SIGKILL);
  ASSERT_EQ(killed.wait(), 128 + SIGKILL);
  EXPECT_GE(traces_of(killed.pid()).size(), 7U);  // five namespaces, pins, state
  ChildProcess next({POLICYC_BINARY, "demo"});
  ASSERT_TRUE(next.wait_for("left behind")) << next.output();
  ASSERT_TRUE(next.wait_for("connected, 12 bytes")) << next.output();
  EXPECT_THAT(traces_of(killed.pid()), IsEmpty());
  next.send(SIGINT);
  EXPECT_EQ(next.wait(), 128 + SIGINT);
  expect_nothing_left(next);
}

TEST_F(DemoTest, TriesAPolicyOfOnesOwn) {
  const std::string file = write_file("own.yaml",
                                      "apiVersion: cilium.io/v2\n"
                                      "kind: CiliumNetworkPolicy\n"
                                      "metadata: {name: mine, namespace: demo}\n"
                                      "spec:\n"
                                      "  endpointSelector: {matchLabels: {app: api}}\n"
                                      "  ingress:\n"
                                      "  - fromEndpoints: [{matchLabels: {app: other}}]\n");
  ChildProcess demo({POLICYC_BINARY, "demo", "--policy", file});
  EXPECT_EQ(demo.wait(), 0) << demo.output();
  EXPECT_THAT(demo.output(), ContainsRegex("other    -> api +TCP 443 +IPv4 +connected"));
  EXPECT_THAT(demo.output(), ContainsRegex("frontend -> api +TCP 443 +IPv4 +no answer"));
  EXPECT_THAT(demo.output(), HasSubstr("spec.ingress[0] (" + file + ":7)"));
  EXPECT_THAT(demo.output(), Not(HasSubstr("expected")));
  expect_nothing_left(demo);
}

// Manifests that come with the policies are read as well; only the demo's pods have a network
// namespace.
TEST_F(DemoTest, IgnoresPodsThatItDoesNotHave) {
  const std::string file = write_file(
      "stranger.yaml",
      "apiVersion: v1\n"
      "kind: Pod\n"
      "metadata: {name: a-stranger-with-a-rather-long-name, namespace: demo, labels: {app: api}}\n"
      "spec: {containers: [{name: main, image: example.com/main}]}\n");
  ChildProcess demo({POLICYC_BINARY, "demo", "--policy", file});
  EXPECT_EQ(demo.wait(), 0) << demo.output();
  EXPECT_THAT(demo.output(), HasSubstr("\n22 attempts\n"));
  expect_nothing_left(demo);
}

TEST_F(DemoTest, SaysThatAFileIsMissing) {
  ChildProcess demo({POLICYC_BINARY, "demo", "--policy", "no-such-file.yaml"});
  EXPECT_EQ(demo.wait(), 3);
  EXPECT_THAT(demo.output(), HasSubstr("no-such-file.yaml"));
  expect_nothing_left(demo);
}

TEST_F(DemoTest, RefusesABadPolicyWithItsPlace) {
  const std::string file = write_file("bad.yaml",
                                      "apiVersion: cilium.io/v2\n"
                                      "kind: CiliumNetworkPolicy\n"
                                      "metadata: {name: bad, namespace: demo}\n"
                                      "spec:\n"
                                      "  endpointSelector: {}\n"
                                      "  ingres: []\n");
  ChildProcess demo({POLICYC_BINARY, "demo", "--policy", file});
  EXPECT_EQ(demo.wait(), 1) << demo.output();
  EXPECT_THAT(demo.output(), HasSubstr("bad.yaml:6:3: error:"));
  expect_nothing_left(demo);
}

TEST_F(DemoTest, SaysThatItNeedsRoot) {
  constexpr uid_t kNobody = 65534;
  // The build tree may be closed to others.
  const std::string copy = testing::TempDir() + "policyc-for-nobody";
  fs::copy_file(POLICYC_BINARY, copy, fs::copy_options::overwrite_existing);
  ChildProcess demo({copy, "demo"}, kNobody);
  EXPECT_EQ(demo.wait(), 3);
  EXPECT_EQ(demo.output(),
            "policyc demo: needs root: it makes network namespaces and loads BPF programs\n");
  fs::remove(copy);
}

TEST_F(DemoTest, PrintsItsManifests) {
  ChildProcess demo({POLICYC_BINARY, "demo", "--manifests"});
  EXPECT_EQ(demo.wait(), 0);
  EXPECT_THAT(demo.output(), HasSubstr("---\n# demo/api.yaml\n"));
  EXPECT_THAT(demo.output(), HasSubstr("podIP: 10.77.0.12\n"));
}

}  // namespace
}  // namespace policyc::test
