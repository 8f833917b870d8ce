#pragma once
// A node whose agent balances a service by packets, by sockets or at its devices, beside
// connections through it that go on, new ones, and knocks of those whom policies deny.

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "loader/nat/devices.h"
#include "loader/sockets/cgroup.h"
#include "loader/sockets/sockets.h"
#include "tests/e2e/agent/agent_node.h"
#include "tests/e2e/agent/naming_server.h"
#include "tests/e2e/agent/own_cgroup.h"
#include "tests/e2e/agent/stream.h"
#include "tests/e2e/agent/traffic.h"

namespace policyc::testing {

inline constexpr const char* kClusterIp = "172.20.0.1";
inline constexpr const char* kNode = "198.51.100.1";
inline constexpr const char* kOutside = "198.51.100.9";
inline constexpr const char* kStranger = "198.51.100.10";
inline constexpr std::uint16_t kStreamPort = 8081, kOutsidePort = 9000;

struct Kind {
  const char* name;
  const char* hook;
  bool sockets;
  bool devices;
  int first_step;  // of those at which an agent is killed
};

// Web pods take TCP at both ports of the service from such pods, and clients that may, and from
// nobody else; the pod that asks may ask nobody else.
inline std::string policies(const std::string& app = "asking") {
  const std::string ports =
      "    toPorts: [{ports: [{port: \"8080\", protocol: TCP}, {port: \"8081\", protocol: "
      "TCP}]}]\n";
  return "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\n"
         "metadata: {name: web, namespace: shop}\n"
         "spec:\n  endpointSelector: {matchLabels: {app: web}}\n  ingress:\n"
         "  - fromEndpoints: [{matchLabels: {app: " +
         app + "}}, {matchLabels: {app: client}}]\n" + ports + "  - fromCIDR: [198.51.100.9/32]\n" +
         ports +
         "---\napiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\n"
         "metadata: {name: asking, namespace: shop}\n"
         "spec:\n  endpointSelector: {matchLabels: {app: asking}}\n  egress:\n"
         "  - toEndpoints: [{matchLabels: {app: web}}]\n" +
         ports;
}

inline std::string service(const std::vector<std::string>& backends) {
  std::string endpoints;
  for (const std::string& backend : backends)
    endpoints += "- {addresses: [" + backend + "], nodeName: n1, conditions: {ready: true}}\n";
  return std::string("apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: shop}\n") +
         "spec:\n  type: NodePort\n  clusterIP: " + kClusterIp +
         "\n  ports:\n"
         "  - {name: http, port: 80, nodePort: 30080, targetPort: 8080}\n"
         "  - {name: stream, port: 81, nodePort: 30081, targetPort: 8081}\n"
         "---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n"
         "metadata: {name: web-1, namespace: shop, labels: {kubernetes.io/service-name: web}}\n"
         "addressType: IPv4\n"
         "ports: [{name: http, port: 8080}, {name: stream, port: 8081}]\n"
         "endpoints:\n" +
         endpoints;
}

class BalancedNode : public AgentNode, public ::testing::WithParamInterface<Kind> {
 protected:
  static void SetUpTestSuite() {
    static std::once_flag once;  // two suites share the namespace
    std::call_once(once, [] { AgentNode::SetUpTestSuite(); });
  }
  void SetUp() override {
    AgentNode::SetUp();
    shell("sysctl -qw net.ipv4.ip_forward=1");
    shell(std::string("ip addr add ") + kNode + "/32 dev front0");
    add_stranger();
    for (const Pod* pod : {&web_, &web2_}) {
      for (const char* other : {kClient, kOther, kOutside, kStranger, "10.9.1.3", "10.9.1.4"})
        tell(*pod, other);
    }
    for (const Pod* pod : {&asking_, &denied_}) {
      for (const char* other : {kClusterIp, "10.9.1.1", "10.9.1.2"}) tell(*pod, other);
    }
    write("pods.yaml",
          pod_yaml("asking", "10.9.1.3", "asking") + pod_yaml("denied", "10.9.1.4", "denied"));
    write("web.yaml", policies());
    write("service.yaml", service({"10.9.1.1"}));
    tell(outside_, "10.9.1.2");
    if (GetParam().sockets) cgroup_.emplace(paths_.bpffs.filename());
    ASSERT_NO_FATAL_FAILURE(start_agent());
    ASSERT_NO_FATAL_FAILURE(add_pods());
    begin_traffic();
  }
  void TearDown() override {
    callers_.clear();
    strangers_.clear();
    streams_.clear();
    intruder_.reset();
    agent_.reset();
    EXPECT_TRUE(sockets::detach(paths_.bpffs).has_value());
    EXPECT_TRUE(nat::detach_all(paths_).has_value());
    cgroup_.reset();
    AgentNode::TearDown();
  }

  // A second client outside, that nobody lets in.
  void add_stranger() const {
    outside_.inside([] { shell(std::string("ip addr add ") + kStranger + "/32 dev eth0"); });
    shell(std::string("ip route add ") + kStranger + "/32 dev front0");
    shell(std::string("ip neigh add ") + kStranger + " dev front0 lladdr $(ip neigh show " +
          kOutside + " dev front0 | awk '{print $3}')");
  }
  [[nodiscard]] std::vector<std::string> settings() const {
    std::vector<std::string> all{"--attach", GetParam().hook,  "--kube-proxy-replacement",
                                 "true",     "--node-address", kNode};
    if (GetParam().sockets)
      all.insert(all.end(),
                 {"--bpf-lb-sock", "true", "--bpf-lb-sock-cgroup", cgroup_->path().string()});
    if (GetParam().devices)
      all.insert(all.end(), {"--devices", "front0", "--enable-bpf-masquerade", "true"});
    return all;
  }
  void start_agent() { start_synced(settings()); }
  void add_pods() {
    ASSERT_TRUE(add(web_, "web"));
    ASSERT_TRUE(add(web2_, "web2"));
    ASSERT_TRUE(add(asking_, "asking"));
    ASSERT_TRUE(add(denied_, "denied"));
  }
  void begin_traffic() {
    const auto stream = [this](const char* name, const Place& server, std::uint16_t server_port,
                               const Place& client, const char* to, std::uint16_t port) {
      streams_[name] = std::make_unique<Stream>(server, server_port, client, to, port);
    };
    const auto caller = [](auto& all, const Pod* pod, const char* from, const char* to,
                           std::uint16_t port, int patience_ms) {
      all.push_back(std::make_unique<Caller>(pod, from, to, port, patience_ms));
    };
    const Place web{&web_, web_.address()};
    const Place asking{&asking_, asking_.address()};
    constexpr int kPatience = 3000, kKnock = 30;
    stream("of a pod through the service", web, kStreamPort, asking, kClusterIp, 81);
    caller(callers_, &asking_, "10.9.1.3", kClusterIp, 80, kPatience);
    caller(strangers_, &denied_, "10.9.1.4", kClusterIp, 80, kKnock);
    caller(strangers_, &denied_, "10.9.1.4", "10.9.1.1", kServerPort, kKnock);
    if (GetParam().sockets) {
      stream("of a process", web, kStreamPort, {nullptr, kClient}, kClusterIp, 81);
      caller(callers_, nullptr, kClient, kClusterIp, 80, kPatience);
      caller(strangers_, nullptr, kOther, kClusterIp, 80, kKnock);
    }
    if (GetParam().devices) {
      const Place outside{&outside_, kOutside};
      stream("from outside", web, kStreamPort, outside, kNode, 30081);
      stream("to the outside", outside, kOutsidePort, web, kOutside, kOutsidePort);
      EXPECT_EQ(streams_["from outside"]->client_seen(), kOutside);
      EXPECT_EQ(streams_["to the outside"]->client_seen(), kNode);
      caller(callers_, &outside_, kOutside, kNode, 30080, kPatience);
      caller(callers_, &web2_, "10.9.1.2", kOutside, kServerPort, kPatience);
      caller(strangers_, &outside_, kStranger, kNode, 30080, kKnock);
    }
    intruder_ = std::make_unique<Intruder>(web_, kOther, 61);
    expect_goes_on("at the beginning");
    expect_answered("at the beginning");
  }

  // Everything that is open is answered on, and nothing was lost.
  void expect_goes_on(const char* when) {
    for (const auto& [name, stream] : streams_) {
      const auto before = stream->answered();
      EXPECT_TRUE(eventually([&] { return stream->answered() > before + 50; }, 15s))
          << name << ", " << when;
      EXPECT_FALSE(stream->broken()) << name << ", " << when;
    }
    expect_nobody_in(when);
  }
  // Connections that begin from now on are answered.
  void expect_answered(const char* when) {
    for (const auto& caller : callers_) {
      const auto calls = [&] { return caller->answered() + caller->unanswered(); };
      // One may be under way.
      const auto before = calls();
      EXPECT_TRUE(eventually([&] { return calls() > before; }));
      const auto unanswered = caller->unanswered();
      EXPECT_TRUE(eventually([&] { return calls() > before + 20; }));
      EXPECT_EQ(caller->unanswered(), unanswered) << caller->from() << ", " << when;
    }
  }
  void expect_nobody_in(const char* when) {
    EXPECT_EQ(intruder_->came_in(), 0U) << when;
    for (const auto& stranger : strangers_) {
      EXPECT_EQ(stranger->answered(), 0U) << stranger->from() << ", " << when;
      EXPECT_EQ(server_.came_in(stranger->from()), 0U) << stranger->from() << ", " << when;
    }
    // Behind the node's address, or not at all.
    EXPECT_EQ(outer_.came_in("10.9.1.2"), 0U) << when;
    for (const char* stranger : {"10.9.1.4", kOther, kStranger})
      EXPECT_EQ(server_.came_in(stranger), 0U) << stranger << ", " << when;
  }
  [[nodiscard]] std::size_t unanswered() const {
    std::size_t count = 0;
    for (const auto& caller : callers_) count += caller->unanswered();
    return count;
  }
  void report_loss() const {
    std::size_t answered = 0, knocks = 0, lost = 0;
    for (const auto& caller : callers_) answered += caller->answered();
    for (const auto& stranger : strangers_) knocks += stranger->unanswered();
    for (const auto& [name, stream] : streams_) lost += stream->lost();
    std::printf(
        "%s: %zu of %zu calls had no answer, %zu segments were lost, 0 of %zu knocks came in\n",
        GetParam().name, unanswered(), unanswered() + answered, lost, knocks);
  }
  // A change of the service reaches everybody who balances.
  void expect_moves_to(const std::string& backend) {
    const auto before = revision();
    write("service.yaml", service({backend}));
    ASSERT_TRUE(past(before));
    asking_.inside([&] { EXPECT_EQ(ask(kClusterIp, 80), backend); });
    if (GetParam().sockets) {
      EXPECT_EQ(ask(kClusterIp, 80, kClient), backend);
    }
    if (GetParam().devices) {
      outside_.inside([&] { EXPECT_EQ(ask(kNode, 30080, kOutside), backend); });
    }
  }

  Pod web_{"web0", "10.9.1.1"};
  Pod web2_{"web2", "10.9.1.2"};
  Pod asking_{"asking0", "10.9.1.3"};
  Pod denied_{"denied0", "10.9.1.4"};
  Pod outside_{"front0", kOutside};
  NamingServer server_{web_};
  NamingServer server2_{web2_};
  NamingServer outer_{outside_};
  std::optional<OwnCgroup> cgroup_;
  std::map<std::string, std::unique_ptr<Stream>> streams_;
  std::vector<std::unique_ptr<Caller>> callers_;
  std::vector<std::unique_ptr<Caller>> strangers_;  // whom a policy denies
  std::unique_ptr<Intruder> intruder_;
};

}  // namespace policyc::testing
