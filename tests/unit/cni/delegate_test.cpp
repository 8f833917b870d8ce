// Plugins for addresses that are slow, talk without end, or answer what is of no use.

#include <fstream>
#include <iterator>

#include <sys/stat.h>

#include "tests/unit/cni/fake_agent.h"
#include "tests/unit/cni/world.h"

namespace policyc::testing {
namespace {

using Texts = std::vector<std::string>;

class CniDelegateTest : public CniTest {
 protected:
  // A plugin that notes each command, and does this for ADD.
  void make_plugin(const std::string& on_add) const {
    const auto path = folder_ / "addresses";
    std::ofstream(path) << "#!/bin/sh\necho $CNI_COMMAND >> " << (folder_ / "asked").string()
                        << "\ntest $CNI_COMMAND = ADD || exit 0\n"
                        << on_add << "\n";
    ::chmod(path.c_str(), 0755);
  }
  [[nodiscard]] Texts asked() const {
    std::ifstream file(folder_ / "asked");
    return {std::istream_iterator<std::string>(file), std::istream_iterator<std::string>()};
  }
  // A second is what such a plugin may take.
  Ran add(const Container& container, int patience = 1) const {
    Json delegated = config();
    delegated["ipam"] = {{"type", "addresses"}};
    delegated["ipam-timeout"] = patience;
    return run("ADD", container, delegated, {{"CNI_PATH", folder_.path().string()}});
  }
  void expect_nothing(const Container& container) const {
    EXPECT_TRUE(container.interface().is_null());
    EXPECT_EQ(host_interfaces(), Texts{});
    EXPECT_EQ(asked(), (Texts{"ADD", "DEL"})) << "what it may have taken is given back";
  }
};

TEST_F(CniDelegateTest, WhoTakesTooLongIsKilled) {
  FakeAgent agent(socket_);
  const Container container("a");
  make_plugin("exec sleep 600");
  const Ran slow = add(container);
  EXPECT_EQ(slow.code(), 11) << slow.output;
  EXPECT_NE(slow.output.find("addresses took too long"), std::string::npos) << slow.output;
  expect_nothing(container);
}

TEST_F(CniDelegateTest, SoIsWhoAnswersAndDoesNotEnd) {
  FakeAgent agent(socket_);
  const Container container("a");
  make_plugin("exec sleep 600 >&-");
  EXPECT_EQ(add(container).code(), 11);
  expect_nothing(container);
}

TEST_F(CniDelegateTest, WhoTalksWithoutEndIsCutOff) {
  FakeAgent agent(socket_);
  const Container container("a");
  make_plugin("exec yes");
  const Ran endless = add(container, 3600);
  EXPECT_EQ(endless.code(), 104) << endless.output;
  expect_nothing(container);
}

TEST_F(CniDelegateTest, AddressesThatAreOfNoUseAreGivenBack) {
  FakeAgent agent(socket_);
  const Container container("a");
  make_plugin(
      R"(echo '{"cniVersion":"1.1.0","ips":[{"address":"10.8.0.2/24"},{"address":"10.8.0.3/24"}]}')");
  EXPECT_EQ(add(container, 60).code(), 2);
  expect_nothing(container);
}

TEST_F(CniDelegateTest, APatienceThatIsNoneIsRefused) {
  const Container container("a");
  EXPECT_EQ(add(container, 0).code(), 7);
}

}  // namespace
}  // namespace policyc::testing
