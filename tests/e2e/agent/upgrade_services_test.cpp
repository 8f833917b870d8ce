// policyd meets a node of another ABI version that balances services by packets, by sockets or at
// its devices: connections that these translate go on, new ones are translated at once, and what is
// denied stays out by every way.

#include <map>
#include <mutex>

#include "loader/endpoint/upgrade.h"
#include "loader/nat/devices.h"
#include "loader/sockets/cgroup.h"
#include "loader/sockets/sockets.h"
#include "tests/e2e/agent/agent_node.h"
#include "tests/e2e/agent/foreign.h"
#include "tests/e2e/agent/naming_server.h"
#include "tests/e2e/agent/own_cgroup.h"
#include "tests/e2e/agent/stream.h"
#include "tests/e2e/agent/traffic.h"

namespace policyc::testing {
namespace {

constexpr const char* kClusterIp = "172.20.0.1";
constexpr const char* kNode = "198.51.100.1";
constexpr const char* kOutside = "198.51.100.9";
constexpr const char* kStranger = "198.51.100.10";
constexpr std::uint16_t kStreamPort = 8081, kOutsidePort = 9000;

struct Kind {
  const char* name;
  const char* hook;
  bool sockets;
  bool devices;
  int first_step;  // of those at which an agent is killed
};

// Web pods take TCP at both ports of the service from such pods, and clients that may, and from
// nobody else; the pod that asks may ask nobody else.
std::string policies(const std::string& app = "asking") {
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

std::string service(const std::string& backend) {
  return std::string("apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: shop}\n") +
         "spec:\n  type: NodePort\n  clusterIP: " + kClusterIp +
         "\n  ports:\n"
         "  - {name: http, port: 80, nodePort: 30080, targetPort: 8080}\n"
         "  - {name: stream, port: 81, nodePort: 30081, targetPort: 8081}\n"
         "---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n"
         "metadata: {name: web-1, namespace: shop, labels: {kubernetes.io/service-name: web}}\n"
         "addressType: IPv4\n"
         "ports: [{name: http, port: 8080}, {name: stream, port: 8081}]\n"
         "endpoints:\n- {addresses: [" +
         backend + "], nodeName: n1, conditions: {ready: true}}\n";
}

class UpgradeServices : public AgentNode, public ::testing::WithParamInterface<Kind> {
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
    write("service.yaml", service("10.9.1.1"));
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

  // Neighbours of a pod are behind its interface: no time is spent on finding them.
  void tell(const Pod& pod, const std::string& other) const {
    const std::string file = paths_.state / pod.host();
    shell("ip -br link show " + pod.host() + " | awk '{print $3}' > " + file);
    pod.inside([&] { shell("ip neigh add " + other + " dev eth0 lladdr $(cat " + file + ")"); });
    std::filesystem::remove(file);
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
  // From an agent of another version to this one.
  void upgrade(bool newer, bool other_connections = false) {
    kill();
    make_foreign(paths_, other_connections, newer);
    ASSERT_NO_FATAL_FAILURE(start_agent());
  }
  // A change of the service reaches everybody who balances.
  void expect_moves_to(const std::string& backend) {
    const auto before = revision();
    write("service.yaml", service(backend));
    ASSERT_TRUE(past(before));
    asking_.inside([&] { EXPECT_EQ(ask(kClusterIp, 80), backend); });
    if (GetParam().sockets) {
      EXPECT_EQ(ask(kClusterIp, 80, kClient), backend);
    }
    if (GetParam().devices) {
      outside_.inside([&] { EXPECT_EQ(ask(kNode, 30080, kOutside), backend); });
    }
  }

  // Devices know who came later.
  void expect_masquerade_of_a_new_pod() {
    const Pod late("late0", "10.9.1.5");
    tell(late, kOutside);
    tell(outside_, "10.9.1.5");
    const auto before = revision();
    write("late.yaml", pod_yaml("late", "10.9.1.5", "late"));
    ASSERT_TRUE(past(before));
    ASSERT_TRUE(add(late, "late"));
    const auto masqueraded = outer_.came_in(kNode);
    late.inside([&] { EXPECT_EQ(ask(kOutside, kServerPort), kOutside); });
    EXPECT_EQ(outer_.came_in("10.9.1.5"), 0U);
    EXPECT_GT(outer_.came_in(kNode), masqueraded);
    v1::EndpointRef gone = ref("late");
    EXPECT_TRUE(client_->remove(gone, 60s));
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

TEST_P(UpgradeServices, ConnectionsThatAreTranslatedGoOn) {
  for (const bool newer : {true, false}) {
    const char* when = newer ? "back from a newer version" : "from an older version";
    const std::size_t before = unanswered();
    ASSERT_NO_FATAL_FAILURE(upgrade(newer));
    EXPECT_TRUE(agent_->wait_for("connections are kept"));
    expect_goes_on(when);
    expect_answered(when);
    EXPECT_EQ(unanswered(), before) << when;
    EXPECT_FALSE(endpoint::has_replaced(paths_)) << when;
    for (const auto& [name, stream] : streams_) EXPECT_EQ(stream->lost(), 0U) << name;
  }
  report_loss();
  streams_.clear();
  callers_.clear();
  expect_moves_to("10.9.1.2");
  expect_nobody_in("after another backend came");
  if (GetParam().devices) expect_masquerade_of_a_new_pod();
}

// The tables of before mean nothing to this version: services are written anew, and connections
// that they translate may break.
TEST_P(UpgradeServices, NewConnectionsAreTranslatedWhereTablesAreOthers) {
  ASSERT_NO_FATAL_FAILURE(upgrade(true, true));
  EXPECT_TRUE(agent_->wait_for("connections are asked about again"));
  expect_answered("after the upgrade");
  expect_nobody_in("after the upgrade");
  // Sockets have their backend already.
  if (GetParam().sockets) expect_goes_on("after the upgrade");
  EXPECT_FALSE(endpoint::has_replaced(paths_));
  // Each may have had one under way when its translation was forgotten.
  EXPECT_LE(unanswered(), callers_.size());
  report_loss();
  callers_.clear();
  expect_moves_to("10.9.1.2");
  expect_nobody_in("after another backend came");
}

TEST_P(UpgradeServices, WhatIsCutShortIsFinishedByTheNext) {
  int killed = 0;
  // Some of the steps for each kind; POLICYC_EVERY_CALL=1 for all.
  const bool all = std::getenv("POLICYC_EVERY_CALL") != nullptr;
  for (int step = all ? 1 : GetParam().first_step; step < 80; step += all ? 1 : 9) {
    kill();
    make_foreign(paths_, false, killed % 2 == 0);
    ::setenv("POLICYD_DIE_AT", std::to_string(step).c_str(), 1);
    start(settings());
    ::unsetenv("POLICYD_DIE_AT");
    ASSERT_TRUE(eventually([this] { return is_dead() || settled_once(); }));
    const bool dead = is_dead();
    const std::string when = "step " + std::to_string(step);
    expect_goes_on(when.c_str());
    expect_answered(when.c_str());
    if (!dead) break;
    ++killed;
    agent_->wait();
    ASSERT_NO_FATAL_FAILURE(start_agent()) << when;
    expect_goes_on(when.c_str());
    expect_answered(when.c_str());
    EXPECT_FALSE(endpoint::has_replaced(paths_)) << when;
  }
  EXPECT_GE(killed, 3);
  report_loss();
  EXPECT_EQ(unanswered(), 0U);
}

// An interface that no runtime tells of stays with the old programs, but not with the old policies
// of those it sends to.
TEST_P(UpgradeServices, WhoEnforcesByTheOldProgramsMeetsTheNewPoliciesOfOthers) {
  callers_.clear();
  kill();
  make_foreign(paths_);
  std::filesystem::remove(paths_.state / "agent" / "endpoints.json");
  write("web.yaml", policies("nobody"));
  ASSERT_NO_FATAL_FAILURE(start_agent());
  ASSERT_TRUE(add(web_, "web"));
  ASSERT_TRUE(add(web2_, "web2"));
  EXPECT_TRUE(endpoint::has_replaced(paths_));
  for (const char* to : {kClusterIp, "10.9.1.1"}) {
    const std::uint16_t port = to == std::string(kClusterIp) ? 80 : kServerPort;
    asking_.inside([&] { EXPECT_EQ(ask(to, port, "10.9.1.3", 300), "") << to; });
  }
  const auto& stream = streams_.at("of a pod through the service");
  const auto answered = stream->answered();
  std::this_thread::sleep_for(300ms);
  EXPECT_LE(stream->answered(), answered + 1);
  expect_nobody_in("while one is enforced by the old programs");
  write("web.yaml", policies());
  ASSERT_TRUE(add(asking_, "asking"));
  asking_.inside([&] { EXPECT_EQ(ask(kClusterIp, 80), "10.9.1.1"); });
}

// XDP that somebody attached before a device's other programs.
class UpgradeXdp : public UpgradeServices {
 protected:
  [[nodiscard]] std::uint32_t program() const {
    const auto pin = paths_.devices() / std::to_string(outside_.index()) / "xdp_device";
    return must(bpf::link_info(must(bpf::open_pinned(pin)).get())).program_id;
  }
};

TEST_P(UpgradeXdp, FollowsItsDevice) {
  must(nat::attach_xdp(paths_, must(maps::NodeMaps::open(paths_.maps())), outside_.index(),
                       nat::XdpMode::Generic));
  const auto before = program();
  ASSERT_NO_FATAL_FAILURE(upgrade(true));
  EXPECT_TRUE(eventually([&] { return program() != before; }));
  expect_goes_on("after the upgrade");
  expect_answered("after the upgrade");
}

INSTANTIATE_TEST_SUITE_P(Devices, UpgradeXdp,
                         ::testing::Values(Kind{"devices_tcx", "tcx", false, true, 0}),
                         [](const auto& kind) { return std::string(kind.param.name); });

INSTANTIATE_TEST_SUITE_P(Kinds, UpgradeServices,
                         ::testing::Values(Kind{"packets_tcx", "tcx", false, false, 1},
                                           Kind{"packets_clsact", "clsact", false, false, 2},
                                           Kind{"sockets", "tcx", true, false, 3},
                                           Kind{"devices_tcx", "tcx", false, true, 4},
                                           Kind{"devices_clsact", "clsact", false, true, 5}),
                         [](const auto& kind) { return std::string(kind.param.name); });

}  // namespace
}  // namespace policyc::testing
