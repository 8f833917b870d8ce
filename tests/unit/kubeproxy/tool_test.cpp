// Tools run with limits.

#include "loader/kubeproxy/tool.h"

#include <chrono>
#include <cstdlib>
#include <fstream>

#include <gmock/gmock.h>

#include "tests/support/temporary_folder.h"

namespace policyc::kubeproxy {
namespace {

using policyc::testing::TemporaryFolder;
using ::testing::AllOf;
using ::testing::HasSubstr;

Result<std::string> run_script(const std::string& script, std::string_view input = {},
                               const ToolLimits& limits = {}) {
  return run_tool({"/bin/sh", "-c", script}, input, limits);
}

TEST(RunTool, InputReachesItAndOutputComesBack) {
  // More than a pipe holds, both ways.
  const std::string input(300'000, 'x');
  const auto output = run_script("cat; echo noise >&2", input);
  ASSERT_TRUE(output.has_value()) << output.error().message;
  EXPECT_EQ(*output, input);
}

TEST(RunTool, NoShellReadsTheArguments) {
  const auto output = run_tool({"/bin/echo", "$HOME; `id`", "*"});
  ASSERT_TRUE(output.has_value()) << output.error().message;
  EXPECT_EQ(*output, "$HOME; `id` *\n");
}

TEST(RunTool, AFailureTellsWhatTheToolSaid) {
  const auto output = run_script("echo half; echo this went wrong >&2; exit 3");
  ASSERT_FALSE(output.has_value());
  EXPECT_THAT(output.error().message,
              AllOf(HasSubstr("`/bin/sh -c"), HasSubstr("failed: this went wrong")));
}

TEST(RunTool, ASignalIsAFailure) { EXPECT_FALSE(run_script("kill -9 $$").has_value()); }

TEST(RunTool, ATooLongOutputStopsIt) {
  const auto output = run_script("yes", {}, {.output_bytes = 100'000});
  ASSERT_FALSE(output.has_value());
  EXPECT_THAT(output.error().message, HasSubstr("more than 100000 bytes"));
}

// Also when it has closed its output, and when it has children.
TEST(RunTool, AToolThatHangsIsStopped) {
  for (const char* script : {"sleep 1000", "exec >&- 2>&-; sleep 1000", "sleep 1000 & wait"}) {
    const auto output = run_script(script, {}, {.time = std::chrono::milliseconds(100)});
    ASSERT_FALSE(output.has_value()) << script;
    EXPECT_THAT(output.error().message, HasSubstr("did not end within 100 ms")) << script;
  }
}

TEST(RunTool, WhatIsNotThereCannotRun) {
  const auto output = run_tool({"/nowhere/tool"});
  ASSERT_FALSE(output.has_value());
  EXPECT_THAT(output.error().message, HasSubstr("cannot run /nowhere/tool"));
}

TEST(FindTool, InPathBeforeTheUsualPlaces) {
  const TemporaryFolder folder;
  const std::string before = std::getenv("PATH");
  ::setenv("PATH", (folder.path().string() + ":relative").c_str(), 1);
  std::ofstream(folder / "no-such-tool-elsewhere") << "#!/bin/sh\n";
  EXPECT_FALSE(find_tool("no-such-tool-elsewhere").has_value()) << "it cannot be executed";
  std::filesystem::permissions(folder / "no-such-tool-elsewhere",
                               std::filesystem::perms::owner_all);
  EXPECT_EQ(find_tool("no-such-tool-elsewhere"), (folder / "no-such-tool-elsewhere").string());
  EXPECT_TRUE(find_tool("sh").has_value());  // of /bin, whatever PATH is
  ::setenv("PATH", before.c_str(), 1);
}

}  // namespace
}  // namespace policyc::kubeproxy
