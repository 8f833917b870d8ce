// `policyc service health`, by running it.

#include <csignal>
#include <fstream>

#include <gmock/gmock.h>

#include "tests/e2e/child_process.h"
#include "tests/support/temporary_folder.h"
#include "tests/unit/health/network.h"

namespace policyc::health::test {
namespace {

using policyc::test::ChildProcess;
using ::testing::HasSubstr;

std::string service(const std::string& name, int port, const std::string& node) {
  return "---\napiVersion: v1\nkind: Service\nmetadata: {name: " + name +
         ", namespace: shop}\nspec: {type: LoadBalancer, clusterIP: 10.96.0.1, "
         "externalTrafficPolicy: Local, healthCheckNodePort: " +
         std::to_string(port) +
         ", ports: [{port: 80}]}\n---\napiVersion: discovery.k8s.io/v1\nkind: "
         "EndpointSlice\nmetadata: {name: " +
         name + "-1, namespace: shop, labels: {kubernetes.io/service-name: " + name +
         "}}\naddressType: IPv4\nports: [{port: 8080}]\nendpoints: [{addresses: [10.0.0.1], "
         "nodeName: " +
         node + "}, {addresses: [10.0.0.2], nodeName: n2}]\n";
}

class CliHealthTest : public NetworkTest {
 protected:
  void write(const std::string& text) const { std::ofstream(file()) << text; }
  [[nodiscard]] std::string file() const { return folder_ / "services.yaml"; }
  [[nodiscard]] std::vector<std::string> command() const {
    return {POLICYC_BINARY, "service", "health", file(), "--node-name", "n1"};
  }
  policyc::testing::TemporaryFolder folder_;
};

TEST_F(CliHealthTest, ServesUntilItIsToldToEnd) {
  write(service("web", 31000, "n1") + service("far", 31001, "n3"));
  ChildProcess served(command());
  ASSERT_TRUE(served.wait_for("2 health checks")) << served.output();
  EXPECT_THAT(served.output(), HasSubstr("shop/web port 31000: 1 local endpoints\n"));
  EXPECT_EQ(get(31000)->status, 200);
  EXPECT_EQ(get(31001)->status, 503);
  served.send(SIGTERM);
  EXPECT_EQ(served.wait(), 0) << served.output();
  EXPECT_FALSE(get(31000));
}

TEST_F(CliHealthTest, AHangUpReadsTheFilesAgain) {
  write(service("web", 31000, "n1"));
  ChildProcess served(command());
  ASSERT_TRUE(served.wait_for("1 health checks")) << served.output();
  write(service("web", 31000, "n3") + service("new", 31002, "n1"));
  served.send(SIGHUP);
  ASSERT_TRUE(served.wait_for("2 health checks")) << served.output();
  EXPECT_EQ(get(31000)->status, 503);
  EXPECT_EQ(get(31002)->status, 200);
  write("kind: [");
  served.send(SIGHUP);
  ASSERT_TRUE(served.wait_for("error")) << served.output();
  EXPECT_EQ(get(31002)->status, 200) << "what cannot be read changes nothing";
  served.send(SIGTERM);
  EXPECT_EQ(served.wait(), 0) << served.output();
}

TEST_F(CliHealthTest, APortThatIsTakenIsReportedAndServedLater) {
  write(service("web", 31000, "n1") + service("next", 31001, "n1"));
  auto taken = std::make_unique<TcpSocket>();
  taken->listen(31000);
  ChildProcess served(command());
  ASSERT_TRUE(served.wait_for("port 31000 of shop/web is not served: Address already in use"));
  EXPECT_EQ(get(31001)->status, 200);
  taken.reset();
  ASSERT_TRUE(served.wait_for("port 31000 of shop/web: no problem any more"));
  EXPECT_EQ(get(31000)->status, 200);
}

TEST_F(CliHealthTest, BadInputIsRefusedAtTheStart) {
  write("kind: [");
  ChildProcess refused(command());
  EXPECT_EQ(refused.wait(), 1);
  ChildProcess stdin_given({POLICYC_BINARY, "service", "health", "-"});
  EXPECT_EQ(stdin_given.wait(), 2);
}

}  // namespace
}  // namespace policyc::health::test
