// A process that is killed at any step of an operation leaks no address and breaks no record.

#include <csignal>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/temporary_folder.h"
#include "tests/unit/ipam/ranges.h"

namespace policyc::testing {
namespace {

namespace fs = std::filesystem;
using ipam::Owner;
using ipam::RangeSet;
using ipam::Store;

const std::vector<RangeSet>& sets() {
  static const std::vector<RangeSet> both{{range("10.0.0.0/29")}, {range("fd00::/64")}};
  return both;
}

// Runs an operation in a process that kills itself after its `step`th step; false when it has
// fewer.
bool killed_at(int step, const fs::path& directory, const std::function<bool(Store&)>& operation) {
  const pid_t child = ::fork();
  if (child == 0) {
    int count = 0;
    auto store = Store::open(directory, [&](std::string_view) {
      if (count++ == step) ::raise(SIGKILL);
    });
    ::_exit(store && operation(*store) ? 0 : 1);
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  if (WIFSIGNALED(status)) return true;
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << "the operation failed";
  return false;
}

// What the records say is what is marked as used, file by file.
void expect_consistent(const fs::path& directory) {
  Store store = must(Store::open(directory));
  std::set<std::string> recorded, used;
  for (const auto& attachment : must(store.list())) {
    for (const IpAddress& address : attachment.addresses) {
      EXPECT_TRUE(recorded.insert(address.to_string()).second)
          << "given twice: " << address.to_string();
      EXPECT_TRUE(fs::equivalent(directory / "used" / address.to_string(),
                                 directory / "attachments" / ipam::file_name_of(attachment.owner)));
    }
  }
  for (const auto& entry : fs::directory_iterator(directory / "used"))
    used.insert(entry.path().filename());
  EXPECT_EQ(recorded, used);
  EXPECT_FALSE(fs::exists(directory / "pending"));
}

struct Operation {
  const char* name;
  std::function<bool(Store&)> run;
};

class IpamDeathTest : public ::testing::TestWithParam<Operation> {};

TEST_P(IpamDeathTest, NothingIsLostAtAnyStep) {
  int steps = 0;
  for (bool killed = true; killed; ++steps) {
    SCOPED_TRACE("killed after step " + std::to_string(steps));
    const TemporaryFolder folder;
    const fs::path directory = folder / "net";
    {
      Store store = must(Store::open(directory));
      must(store.allocate({"kept", "eth0"}, sets()));
      must(store.allocate({"known", "eth0"}, sets()));
    }
    const auto kept = must(must(Store::open(directory)).find({"kept", "eth0"}));
    killed = killed_at(steps, directory, GetParam().run);
    // Whoever comes next finds everything in order.
    expect_consistent(directory);
    Store store = must(Store::open(directory));
    EXPECT_EQ(must(store.find({"kept", "eth0"})), kept);
    // All of the rest is free: nobody was lost with an address.
    must(store.release({"fresh", "eth0"}));
    must(store.release({"known", "eth0"}));
    for (int i = 0; i < 5; ++i) must(store.allocate({std::to_string(i), "eth0"}, sets()));
    expect_consistent(directory);
    EXPECT_EQ(must(store.collect({{"kept", "eth0"}})).size(), 5U);
    expect_consistent(directory);
  }
  EXPECT_GT(steps, 3) << "an operation without steps proves nothing";
}

TEST_P(IpamDeathTest, TheSameOperationAgainCompletesIt) {
  for (int step = 0, killed = 1; killed != 0; ++step) {
    SCOPED_TRACE("killed after step " + std::to_string(step));
    const TemporaryFolder folder, calm;
    for (const fs::path& directory : {folder / "net", calm / "net"}) {
      Store store = must(Store::open(directory));
      must(store.allocate({"known", "eth0"}, sets()));
    }
    killed = killed_at(step, folder / "net", GetParam().run) ? 1 : 0;
    Store interrupted = must(Store::open(folder / "net")),
          undisturbed = must(Store::open(calm / "net"));
    GetParam().run(interrupted);
    GetParam().run(undisturbed);
    expect_consistent(folder / "net");
    for (const char* name : {"known", "fresh"}) {
      EXPECT_EQ(must(interrupted.find({name, "eth0"})).has_value(),
                must(undisturbed.find({name, "eth0"})).has_value())
          << name;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Operations, IpamDeathTest,
    ::testing::Values(
        Operation{
            "Allocate",
            [](Store& store) { return store.allocate({"fresh", "eth0"}, sets()).has_value(); }},
        Operation{"Release",
                  [](Store& store) { return store.release({"known", "eth0"}).has_value(); }},
        Operation{
            "Replace",
            [](Store& store) {
              ipam::Range other = range("10.0.0.0/29");
              other.first = ip("10.0.0.4");
              return store.allocate({"known", "eth0"}, {{other}, {range("fd00::/64")}}).has_value();
            }},
        Operation{"Collect",
                  [](Store& store) { return store.collect({{"kept", "eth0"}}).has_value(); }}),
    [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace policyc::testing
