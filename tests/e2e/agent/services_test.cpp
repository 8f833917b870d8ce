// Services that policyd balances, from manifests to connections: of a pod to a ClusterIP, of a
// client outside to a NodePort through a device, of a process at its socket.

#include <mutex>
#include <set>

#include "loader/nat/devices.h"
#include "loader/nat/tables.h"
#include "loader/sockets/sockets.h"
#include "tests/e2e/agent/agent_node.h"
#include "tests/e2e/agent/naming_server.h"
#include "tests/e2e/agent/own_cgroup.h"

namespace policyc::testing {
namespace {

constexpr const char* kClusterIp = "172.20.0.1";
constexpr const char* kNode = "198.51.100.1";
constexpr const char* kOutside = "198.51.100.9";
constexpr std::uint16_t kPort = 80, kNodePort = 30080;

class AgentServices : public AgentNode {
 protected:
  static void SetUpTestSuite() {
    static std::once_flag once;  // two suites share the namespace
    std::call_once(once, [] { AgentNode::SetUpTestSuite(); });
  }
  void SetUp() override {
    AgentNode::SetUp();
    shell("sysctl -qw net.ipv4.ip_forward=1");
    shell(std::string("ip addr add ") + kNode + "/32 dev front0");
    for (const Pod* pod : {&web_, &web2_}) {
      for (const char* other : {kOutside, "10.9.1.3"}) tell(*pod, other);
    }
    for (const char* other : {kClusterIp, "10.9.1.1", "10.9.1.2"}) tell(asking_, other);
    write("asking.yaml", pod_yaml("asking", "10.9.1.3", "asking"));
  }
  void TearDown() override {
    agent_.reset();
    EXPECT_TRUE(nat::detach_all(paths_).has_value());
    AgentNode::TearDown();
  }
  void serve(const std::vector<std::string>& backends) const {
    std::string endpoints;
    for (const std::string& backend : backends)
      endpoints += "- {addresses: [" + backend + "], nodeName: n1, conditions: {ready: true}}\n";
    write("service.yaml",
          std::string("apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: shop}\n"
                      "spec: {type: NodePort, clusterIP: ") +
              kClusterIp +
              ", ports: [{name: http, port: 80, nodePort: 30080, targetPort: 8080}]}\n---\n"
              "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: web-1, "
              "namespace: shop, labels: {kubernetes.io/service-name: web}}\naddressType: IPv4\n"
              "ports: [{name: http, port: 8080}]\nendpoints:" +
              (backends.empty() ? " []\n" : "\n" + endpoints));
  }
  [[nodiscard]] bool serves(const std::vector<std::string>& backends) {
    const auto before = revision();
    serve(backends);
    return past(before);
  }
  static std::vector<std::string> settings(std::vector<std::string> more = {},
                                           const char* mode = "hybrid") {
    std::vector<std::string> all{"--kube-proxy-replacement", "true", "--devices",     "front0",
                                 "--node-address",           kNode,  "--bpf-lb-mode", mode,
                                 "--bpf-lb-dsr-dispatch",    "ipip"};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  void add_pods() {
    ASSERT_TRUE(add(web_, "web"));
    ASSERT_TRUE(add(web2_, "web2"));
    ASSERT_TRUE(add(asking_, "asking"));
  }
  [[nodiscard]] std::set<std::string> by_pod() const {
    std::set<std::string> names;
    asking_.inside([&] { names = takers(kClusterIp, kPort); });
    return names;
  }
  [[nodiscard]] std::set<std::string> from_outside() const {
    std::set<std::string> names;
    outside_.inside([&] { names = takers(kNode, kNodePort); });
    return names;
  }
  void kill_agent() {
    agent_->send(SIGKILL);
    agent_->wait();
  }

  Pod web_{"web0", "10.9.1.1"};
  Pod web2_{"web2", "10.9.1.2"};
  Pod asking_{"asking0", "10.9.1.3"};
  Pod outside_{"front0", kOutside};
  NamingServer server_{web_};
  NamingServer server2_{web2_};
};

const std::set<std::string> kBoth{"10.9.1.1", "10.9.1.2"};
const std::set<std::string> kFirst{"10.9.1.1"};
const std::set<std::string> kSecond{"10.9.1.2"};
const std::set<std::string> kNobody{""};

TEST_F(AgentServices, PodsAndClientsOutsideAreBalanced) {
  serve({"10.9.1.1", "10.9.1.2"});
  start_synced(settings());
  add_pods();
  EXPECT_EQ(by_pod(), kBoth);
  EXPECT_EQ(from_outside(), kBoth);
  ASSERT_TRUE(serves({"10.9.1.1"}));
  EXPECT_EQ(by_pod(), kFirst);
  EXPECT_EQ(from_outside(), kFirst);
  ASSERT_TRUE(serves({}));
  EXPECT_EQ(by_pod(), kNobody);
  EXPECT_EQ(from_outside(), kNobody);
  ASSERT_TRUE(serves({"10.9.1.2"}));
  EXPECT_EQ(by_pod(), kSecond);
  const auto before = revision();
  remove("service.yaml");
  ASSERT_TRUE(past(before));
  EXPECT_EQ(by_pod(), kNobody);
  EXPECT_EQ(from_outside(), kNobody);
}

TEST_F(AgentServices, AgentsThatAreKilledLeaveServicesAsTheyAre) {
  serve({"10.9.1.1", "10.9.1.2"});
  start_synced(settings());
  add_pods();
  for (int i = 0; i < 2; ++i) {
    kill_agent();
    EXPECT_EQ(by_pod(), kBoth);
    EXPECT_EQ(from_outside(), kBoth);
    start_synced(settings());
    EXPECT_EQ(by_pod(), kBoth);
    EXPECT_EQ(from_outside(), kBoth);
  }
  // What changed while there was none.
  kill_agent();
  serve({"10.9.1.2"});
  EXPECT_EQ(by_pod(), kBoth);
  start_synced(settings());
  EXPECT_EQ(by_pod(), kSecond);
  EXPECT_EQ(from_outside(), kSecond);
}

TEST_F(AgentServices, ADeviceDoesWhatIsConfigured) {
  start_synced(settings({"--enable-bpf-masquerade", "true"}));
  const auto flags = [this] {
    return must(must(nat::Tables::open(paths_.maps())).devices.lookup(outside_.index()))->flags;
  };
  EXPECT_EQ(flags(), DEVICE_SERVICES | DEVICE_MASQUERADE4 | DEVICE_DSR | DEVICE_DSR_IPIP);
  agent_->send(SIGTERM);
  agent_->wait();
  start_synced(settings({}, "snat"));
  EXPECT_EQ(flags(), DEVICE_SERVICES);
}

TEST_F(AgentServices, ANodeWithoutDevicesBalancesWhatPodsSend) {
  serve({"10.9.1.1", "10.9.1.2"});
  start_synced({"--kube-proxy-replacement", "true"});
  add_pods();
  EXPECT_EQ(by_pod(), kBoth);
}

// Connections of processes, in a cgroup of the test's own.
class AgentSockets : public AgentServices {
 protected:
  void SetUp() override {
    AgentServices::SetUp();
    cgroup_.emplace(paths_.bpffs.filename());
  }
  void TearDown() override {
    agent_.reset();
    EXPECT_TRUE(sockets::detach(paths_.bpffs).has_value());
    cgroup_.reset();
    AgentServices::TearDown();
  }
  std::optional<OwnCgroup> cgroup_;
};

TEST_F(AgentSockets, ProcessesAreGivenBackendsWhenTheyConnect) {
  const auto all =
      settings({"--bpf-lb-sock", "true", "--bpf-lb-sock-cgroup", cgroup_->path().string()});
  serve({"10.9.1.1", "10.9.1.2"});
  start_synced(all);
  add_pods();
  EXPECT_EQ(takers(kClusterIp, kPort), kBoth);
  EXPECT_EQ(takers(kNode, kNodePort), kBoth);
  ASSERT_TRUE(serves({"10.9.1.2"}));
  EXPECT_EQ(takers(kClusterIp, kPort), kSecond);
  kill_agent();
  EXPECT_EQ(takers(kClusterIp, kPort), kSecond);
  start_synced(all);
  EXPECT_EQ(takers(kClusterIp, kPort), kSecond);
  ASSERT_TRUE(serves({"10.9.1.1"}));
  EXPECT_EQ(takers(kClusterIp, kPort), kFirst);
}

// Also by whom the one before was: a process that was killed.
TEST_F(AgentSockets, WhatIsNotConfiguredAnyMoreIsTakenAway) {
  serve({"10.9.1.1"});
  start_synced(
      settings({"--bpf-lb-sock", "true", "--bpf-lb-sock-cgroup", cgroup_->path().string()}));
  add_pods();
  EXPECT_EQ(takers(kClusterIp, kPort), kFirst);
  kill_agent();
  start_synced(settings());
  EXPECT_EQ(takers(kClusterIp, kPort), kNobody);
  EXPECT_EQ(from_outside(), kFirst);
  EXPECT_EQ(by_pod(), kFirst);
  kill_agent();
  start_synced({"--kube-proxy-replacement", "true"});
  EXPECT_EQ(from_outside(), kNobody);
  EXPECT_EQ(by_pod(), kFirst);
  kill_agent();
  start_synced();
  EXPECT_EQ(by_pod(), kNobody);
  // And comes again.
  kill_agent();
  start_synced(settings());
  EXPECT_EQ(from_outside(), kFirst);
  EXPECT_EQ(by_pod(), kFirst);
}

TEST_F(AgentServices, DevicesThatSomebodyAttachedByHandStay) {
  serve({"10.9.1.1"});
  const std::vector<std::string> without{"--kube-proxy-replacement", "true", "--node-address",
                                         kNode};
  start_synced(without);
  add_pods();
  const auto device = must(nat::config_of_interface("front0"));
  must(nat::attach_device(paths_, must(maps::NodeMaps::open(paths_.maps())), device));
  EXPECT_EQ(from_outside(), kFirst);
  kill_agent();
  start_synced(without);
  EXPECT_EQ(from_outside(), kFirst);
}

}  // namespace
}  // namespace policyc::testing
