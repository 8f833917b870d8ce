// What the compiler process may not do, tried by a program in the same sandbox; and the state that
// the kernel says the real one is in.
#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include "loader/worker/sandbox.h"
#include "loader/worker/spawn.h"
#include "tests/unit/driver/session_manifests.h"
#include "tests/unit/loader/worker_client.h"

namespace policyc::worker {
namespace {

namespace fs = std::filesystem;
using ::testing::UnorderedElementsAre;

int status_of(const std::string& attempt) {
  const auto child = spawn(POLICYC_WORKER_PROBE, {attempt});
  EXPECT_TRUE(child) << child.error().message;
  int status = 0;
  EXPECT_EQ(::waitpid(child->pid, &status, 0), child->pid);
  char text[512];
  if (const auto size = ::read(child->errors.get(), text, sizeof text); size > 0)
    ADD_FAILURE() << std::string(text, static_cast<std::size_t>(size));
  return status;
}

class Forbidden : public ::testing::TestWithParam<const char*> {};

TEST_P(Forbidden, KillsTheProcess) {
  const int status = status_of(GetParam());
  ASSERT_TRUE(WIFSIGNALED(status)) << "exit code " << WEXITSTATUS(status);
  EXPECT_EQ(WTERMSIG(status), SIGSYS);
}

INSTANTIATE_TEST_SUITE_P(Sandbox, Forbidden,
                         ::testing::Values("open", "open-root", "stat", "socket", "socketpair",
                                           "sendmsg", "execve", "fork", "vfork", "user-namespace",
                                           "unshare", "ptrace", "ptrace-raw", "kill", "tgkill",
                                           "vm-read", "setuid", "mount", "dumpable", "bpf",
                                           "io-uring", "limits", "executable", "executable-later"),
                         [](const auto& one) {
                           std::string name = one.param;
                           for (char& c : name) c = c == '-' ? '_' : c;
                           return name;
                         });

TEST(Sandbox, LetsThreadsRun) {
  const int status = status_of("thread");
  ASSERT_TRUE(WIFEXITED(status)) << "signal " << WTERMSIG(status);
  EXPECT_EQ(WEXITSTATUS(status), 10);
}

TEST(Sandbox, LimitsMemoryAndTime) {
  const int memory = status_of("memory");
  ASSERT_TRUE(WIFEXITED(memory));
  EXPECT_EQ(WEXITSTATUS(memory), 0);
  const int time = status_of("time");
  ASSERT_TRUE(WIFSIGNALED(time));
  EXPECT_TRUE(WTERMSIG(time) == SIGXCPU || WTERMSIG(time) == SIGKILL);
}

std::map<std::string, std::string> status_fields(int pid) {
  std::map<std::string, std::string> fields;
  std::ifstream file("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(file, line);) {
    const auto colon = line.find(':');
    std::istringstream words(line.substr(colon + 1));
    std::string text;
    for (std::string word; words >> word;) text += (text.empty() ? "" : " ") + word;
    fields[line.substr(0, colon)] = text;
  }
  return fields;
}

TEST(Sandbox, IsTheCompilerProcess) {
  Agent agent;
  agent.put("pods", policyc::testing::pod("api", "api"));
  (void)agent.resolve({"api"});
  const int pid = agent.client().pid();
  const auto fields = status_fields(pid);
  EXPECT_EQ(fields.at("Uid"), "65534 65534 65534 65534");
  EXPECT_EQ(fields.at("Gid"), "65534 65534 65534 65534");
  EXPECT_EQ(fields.at("Groups"), "");
  for (const char* set : {"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"})
    EXPECT_EQ(fields.at(set), "0000000000000000") << set;
  EXPECT_EQ(fields.at("NoNewPrivs"), "1");
  EXPECT_EQ(fields.at("Seccomp"), "2");
  const fs::path proc = "/proc/" + std::to_string(pid);
  for (const char* kind : {"net", "mnt", "ipc", "uts"})
    EXPECT_NE(fs::read_symlink(proc / "ns" / kind),
              fs::read_symlink(fs::path("/proc/self/ns") / kind))
        << kind;
  std::vector<std::string> descriptors;
  for (const auto& entry : fs::directory_iterator(proc / "fd"))
    descriptors.push_back(entry.path().filename());
  EXPECT_THAT(descriptors, UnorderedElementsAre("0", "1", "2", "3"));
  // Its root holds nothing.
  EXPECT_TRUE(fs::is_empty(proc / "root"));
  std::ifstream environment(proc / "environ");
  EXPECT_EQ(environment.peek(), std::ifstream::traits_type::eof());
  std::ifstream limits(proc / "limits");
  std::stringstream text;
  text << limits.rdbuf();
  EXPECT_THAT(text.str(), ::testing::ContainsRegex("Max file size +0 +0"));
  EXPECT_THAT(text.str(), ::testing::ContainsRegex("Max open files +0 +0"));
  EXPECT_THAT(text.str(), ::testing::ContainsRegex("Max core file size +0 +0"));
}

// Whoever starts it takes it along.
TEST(Sandbox, EndsWithTheThreadThatStartedIt) {
  int pid = 0;
  std::thread([&pid] {
    auto client = Client::start(test_settings());
    ASSERT_TRUE(client) << client.error().message;
    pid = (*client)->pid();
    static std::unique_ptr<Client> kept;  // not ended by its owner before the thread ends
    kept = std::move(*client);
  }).join();
  ASSERT_GT(pid, 0);
  int status = 0;
  ASSERT_EQ(::waitpid(pid, &status, 0), pid);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

}  // namespace
}  // namespace policyc::worker
