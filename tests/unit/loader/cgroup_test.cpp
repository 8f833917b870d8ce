// Which cgroup is the node's, by what a mount namespace shows.

#include "loader/sockets/cgroup.h"

#include <sstream>

#include <gmock/gmock.h>

namespace policyc::testing {
namespace {

using ::testing::Optional;

std::string line(const std::string& root, const std::string& mount_point,
                 const std::string& type = "cgroup2") {
  return "35 24 0:30 " + root + " " + mount_point + " rw,nosuid shared:9 - " + type +
         " cgroup rw\n";
}

std::optional<std::filesystem::path> highest(const std::string& mountinfo) {
  std::istringstream text(mountinfo);
  return sockets::highest_cgroup(text);
}

TEST(HighestCgroup, IsThatOfTheMountWithTheRoot) {
  EXPECT_THAT(highest(line("/", "/sys/fs/cgroup")), Optional(std::string("/sys/fs/cgroup")));
  EXPECT_THAT(highest(line("/", "/sys/fs/cgroup", "cgroup") + line("/", "/a\\040b")),
              Optional(std::string("/a b")));
  EXPECT_THAT(highest(line("/", "/first") + line("/", "/second")), Optional(std::string("/first")));
}

TEST(HighestCgroup, IsAboveTheRootOfACgroupNamespace) {
  const std::string own = line("/", "/own");
  const std::string node = line("/../../..", "/sys/fs/cgroup");
  for (const auto& text : {own + node, node + own, line("/..", "/between") + own + node})
    EXPECT_THAT(highest(text), Optional(std::string("/sys/fs/cgroup"))) << text;
}

TEST(HighestCgroup, IsNoneThatBeginsBelowOrBeside) {
  for (const char* root : {"/pods", "/../sibling", "/../..x", "/..."})
    EXPECT_EQ(highest(line(root, "/sys/fs/cgroup")), std::nullopt) << root;
  EXPECT_EQ(highest(""), std::nullopt);
  EXPECT_EQ(highest("nonsense\n"), std::nullopt);
}

}  // namespace
}  // namespace policyc::testing
