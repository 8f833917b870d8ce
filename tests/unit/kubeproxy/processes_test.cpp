// kube-proxy among the processes.

#include "loader/kubeproxy/processes.h"

#include <fstream>

#include <gtest/gtest.h>

#include "tests/support/temporary_folder.h"

namespace policyc::kubeproxy {
namespace {

namespace fs = std::filesystem;

// A proc file system of files.
class FindProcesses : public ::testing::Test {
 protected:
  void add(const std::string& name, const std::string& comm, const std::string& network) {
    fs::create_directories(folder_ / name / "ns");
    std::ofstream(folder_ / name / "comm") << comm << "\n";
    if (!network.empty()) fs::create_symlink(network, folder_ / name / "ns/net");
  }
  policyc::testing::TemporaryFolder folder_;
};

TEST_F(FindProcesses, ByNameInThisNetworkNamespace) {
  add("self", "policyc", "net:[1]");
  add("30", "kube-proxy", "net:[1]");
  add("4", "k3s-server", "net:[1]");
  add("5", "kube-proxy", "net:[2]");       // another node's, on this machine
  add("6", "kube-proxy-expo", "net:[1]");  // another program
  add("7", "kube-proxy", "");              // unreadable: counts
  add("bus", "kube-proxy", "net:[1]");     // no process
  const auto found = find_processes(folder_.path());
  ASSERT_EQ(found.size(), 3U);
  EXPECT_EQ(found[0].pid, 4);
  EXPECT_EQ(found[0].name, "k3s-server");
  EXPECT_TRUE(found[0].embedded);
  EXPECT_EQ(found[1].pid, 7);
  EXPECT_EQ(found[2].pid, 30);
  EXPECT_FALSE(found[2].embedded);
}

TEST_F(FindProcesses, NoneWithoutAProcFileSystem) {
  EXPECT_TRUE(find_processes(folder_ / "missing").empty());
}

}  // namespace
}  // namespace policyc::kubeproxy
