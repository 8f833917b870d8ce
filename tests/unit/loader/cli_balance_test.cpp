// `policyc service load --socket-lb`: manifests in, connections of real processes to their
// backends.

#include <cerrno>
#include <fstream>
#include <set>

#include <gmock/gmock.h>

#include "tests/support/temporary_folder.h"
#include "tests/unit/driver/process.h"
#include "tests/unit/loader/socket_services.h"

namespace policyc::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class CliBalanceTest : public SocketTest {
 protected:
  // A service of TCP and UDP with these endpoints, all at port 8080.
  [[nodiscard]] Finished load(const std::vector<std::string>& endpoints) const {
    std::string text = R"(apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec:
  clusterIP: 10.96.0.1
  ports:
    - {name: http, port: 80}
    - {name: dns, port: 53, protocol: UDP}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: web-1, namespace: shop, labels: {kubernetes.io/service-name: web}}
addressType: IPv4
ports: [{name: http, port: 8080}, {name: dns, port: 8080, protocol: UDP}]
endpoints:
)";
    for (const std::string& endpoint : endpoints) text += "- {addresses: [" + endpoint + "]}\n";
    if (endpoints.empty()) text.replace(text.rfind("endpoints:"), 11, "endpoints: []\n");
    return load_text(text);
  }
  void SetUp() override {
    SocketTest::SetUp();
    shell("ip addr replace 198.51.100.1/32 dev lo");
  }
  [[nodiscard]] Finished load_text(const std::string& text,
                                   const std::vector<std::string>& more = {}) const {
    const std::filesystem::path file = folder_ / "services.yaml";
    std::ofstream(file) << text;
    std::vector<std::string> arguments = {"service",     "load",      file,      "--socket-lb",
                                          "--cgroup",    cgroup_,     "--bpffs", paths_.bpffs,
                                          "--state-dir", paths_.state};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_policyc(arguments);
  }
  [[nodiscard]] Finished set_state(const std::string& backend, const std::string& state) const {
    return run_policyc({"service", "backend", "set-state", backend, state, "--bpffs", paths_.bpffs,
                        "--state-dir", paths_.state});
  }
  // To which of the backends 127.0.0.2 and 127.0.0.3 connections go, of many.
  [[nodiscard]] std::set<std::string> chosen() const {
    std::set<std::string> addresses;
    for (int i = 0; i < 40; ++i) {
      const Socket client(tcp_);
      EXPECT_EQ(client.connect(frontend_), 0);
      for (const auto& [key, value] : must(table_->reverse.entries())) {
        if (key.cookie == client.cookie())
          addresses.insert("127.0.0." + std::to_string(key.address[3]));
      }
    }
    return addresses;
  }
  // A connection to `peer` arrives at `server`, and takes its peer for `peer`.
  static void expect_reached(const Peer& peer, const Server& server) {
    const Socket client({"tcp", peer.is6(), peer.is6(), SOCK_STREAM});
    ASSERT_EQ(client.connect(peer), 0) << peer;
    ASSERT_EQ(client.send("hello"), 0) << peer;
    EXPECT_EQ(server.receive(), "hello") << peer;
    EXPECT_EQ(client.peer(), peer);
  }
  TemporaryFolder folder_;
  const SocketKind tcp_{"tcp", false, false, SOCK_STREAM};
  const SocketKind tcp6_{"tcp6", true, true, SOCK_STREAM};
  const SocketKind udp_{"udp", false, false, SOCK_DGRAM};
  const Peer frontend_{"10.96.0.1", 80};
  const Peer datagrams_{"10.96.0.1", 53};
};

TEST_F(CliBalanceTest, ConnectionsReachTheBackendsOfManifests) {
  const Server server(tcp_, {"127.0.0.2", 8080});
  const auto loaded = load({"127.0.0.2"});
  ASSERT_EQ(loaded.exit_code, 0) << loaded.err;
  const Socket client(tcp_);
  ASSERT_EQ(client.connect(frontend_), 0);
  ASSERT_EQ(client.send("hello"), 0);
  EXPECT_EQ(server.receive(), "hello");
  EXPECT_EQ(client.peer(), frontend_);
  const Socket stranger(tcp_);
  EXPECT_EQ(stranger.connect({"10.96.0.1", 81}), ECONNREFUSED) << "no port of the service";
}

TEST_F(CliBalanceTest, AServiceThatLosesItsBackendsRefuses) {
  const Server server(tcp_, {"127.0.0.2", 8080});
  ASSERT_EQ(load({"127.0.0.2"}).exit_code, 0);
  ASSERT_EQ(load({}).exit_code, 0);
  const Socket client(tcp_);
  EXPECT_EQ(client.connect(frontend_), EHOSTUNREACH);
}

TEST_F(CliBalanceTest, DatagramSocketsOfARemovedBackendAreCut) {
  const Server first(udp_, {"127.0.0.2", 8080});
  const Server second(udp_, {"127.0.0.3", 8080});
  ASSERT_EQ(load({"127.0.0.2"}).exit_code, 0);
  const Socket client(udp_);
  ASSERT_EQ(client.connect(datagrams_), 0);
  ASSERT_EQ(client.send("one"), 0);
  EXPECT_EQ(first.receive(), "one");
  const auto changed = load({"127.0.0.3"});
  ASSERT_EQ(changed.exit_code, 0) << changed.err;
  EXPECT_THAT(changed.out, HasSubstr("sockets of removed backends cut: 1"));
  EXPECT_NE(client.send("two"), 0) << "the process is told";
  const Socket next(udp_);
  ASSERT_EQ(next.connect(datagrams_), 0);
  ASSERT_EQ(next.send("three"), 0);
  EXPECT_EQ(second.receive(), "three");
}

TEST_F(CliBalanceTest, ABackendIsTakenOutByHand) {
  const Server first(tcp_, {"127.0.0.2", 8080});
  const Server second(tcp_, {"127.0.0.3", 8080});
  const std::string backend = "127.0.0.2:8080/TCP";
  ASSERT_EQ(load({"127.0.0.2", "127.0.0.3"}).exit_code, 0);
  EXPECT_THAT(chosen(), ElementsAre("127.0.0.2", "127.0.0.3"));

  const auto set = set_state(backend, "quarantined");
  EXPECT_EQ(set.exit_code, 0) << set.err;
  EXPECT_EQ(set.out, backend + " is quarantined\n");
  EXPECT_THAT(chosen(), ElementsAre("127.0.0.3"));
  ASSERT_EQ(load({"127.0.0.2", "127.0.0.3"}).exit_code, 0);
  EXPECT_THAT(chosen(), ElementsAre("127.0.0.3")) << "a later load does not take it back";
  ASSERT_EQ(load({"127.0.0.2"}).exit_code, 0);
  EXPECT_THAT(chosen(), ElementsAre("127.0.0.2")) << "without another one";

  EXPECT_EQ(set_state(backend, "maintenance").exit_code, 0);
  EXPECT_EQ(Socket(tcp_).connect(frontend_), EHOSTUNREACH);
  ASSERT_EQ(load({"127.0.0.2", "127.0.0.3"}).exit_code, 0);
  EXPECT_THAT(chosen(), ElementsAre("127.0.0.3"));

  EXPECT_EQ(set_state(backend, "active").out, backend + " is active\n");
  EXPECT_THAT(chosen(), ElementsAre("127.0.0.2", "127.0.0.3"));

  // A backend that was gone begins anew.
  EXPECT_EQ(set_state(backend, "maintenance").exit_code, 0);
  ASSERT_EQ(load({"127.0.0.3"}).exit_code, 0);
  EXPECT_EQ(set_state(backend, "active").exit_code, 1) << "no service has it";
  ASSERT_EQ(load({"127.0.0.2", "127.0.0.3"}).exit_code, 0);
  EXPECT_THAT(chosen(), ElementsAre("127.0.0.2", "127.0.0.3"));
}

TEST_F(CliBalanceTest, AStateIsOfOneBackendAlone) {
  ASSERT_EQ(load({"127.0.0.2"}).exit_code, 0);
  EXPECT_EQ(set_state("127.0.0.2:8080/UDP", "maintenance").exit_code, 0);
  const Server server(tcp_, {"127.0.0.2", 8080});
  expect_reached(frontend_, server);
  EXPECT_EQ(Socket(udp_).connect(datagrams_), EHOSTUNREACH);
  const auto got = run_policyc(
      {"service", "get", "shop/web", "--bpffs", paths_.bpffs, "--state-dir", paths_.state});
  EXPECT_THAT(got.out, HasSubstr("127.0.0.2:8080 maintenance, set by hand\n"));
  for (const char* wrong :
       {"127.0.0.2:8080", "127.0.0.2/TCP", "fd00::1:80/TCP", "x:80/TCP", "[127.0.0.2]:80/TCP",
        "127.0.0.2:0/TCP", "127.0.0.2:80x/TCP", "127.0.0.2:65536/TCP", "127.0.0.2:80/ICMP"})
    EXPECT_EQ(set_state(wrong, "active").exit_code, 2) << wrong;
  EXPECT_EQ(set_state("[fd00::1]:80/tcp", "active").exit_code, 1);
  EXPECT_EQ(set_state("127.0.0.2:8080/TCP", "terminating").exit_code, 2);
}

TEST_F(CliBalanceTest, AStateGoesNoBetterThanTheManifests) {
  const auto load_state = [&](const std::string& conditions) {
    return load_text(R"(apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {clusterIP: 10.96.0.1, ports: [{port: 80}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: web-1, namespace: shop, labels: {kubernetes.io/service-name: web}}
addressType: IPv4
ports: [{port: 8080}]
endpoints: [{addresses: [127.0.0.2], conditions: )" +
                     conditions + "}]\n");
  };
  const std::string backend = "127.0.0.2:8080/TCP";
  ASSERT_EQ(load_state("{ready: false}").exit_code, 0);
  EXPECT_EQ(set_state(backend, "quarantined").out,
            backend + " is maintenance, as its manifest says\n");
  ASSERT_EQ(load_state("{ready: true}").exit_code, 0);
  EXPECT_EQ(set_state(backend, "quarantined").out, backend + " is quarantined\n");
  ASSERT_EQ(load_state("{ready: false, serving: true, terminating: true}").exit_code, 0);
  EXPECT_EQ(set_state(backend, "maintenance").out,
            backend + " is terminating, as its manifest says\n");
}

constexpr const char* kDualNodePort = R"(apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec:
  type: NodePort
  clusterIPs: [10.96.0.1, "fd96::1"]
  ipFamilies: [IPv4, IPv6]
  ports: [{name: http, port: 80, nodePort: 30080}]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: web-4, namespace: shop, labels: {kubernetes.io/service-name: web}}
addressType: IPv4
ports: [{name: http, port: 8080}]
endpoints: [{addresses: [127.0.0.2]}]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: web-6, namespace: shop, labels: {kubernetes.io/service-name: web}}
addressType: IPv6
ports: [{name: http, port: 8080}]
endpoints: [{addresses: ["fd77::1"]}]
)";

TEST_F(CliBalanceTest, NodePortsAreAtEveryAddressOfTheNode) {
  shell("ip addr replace 192.0.2.1/32 dev lo");
  add_loopback6("fd77::1");
  const Server server(tcp_, {"127.0.0.2", 8080});
  const Server server6(tcp6_, {"fd77::1", 8080});
  const auto loaded = load_text(kDualNodePort, {"--node-address", "192.0.2.1"});
  ASSERT_EQ(loaded.exit_code, 0) << loaded.err;
  for (const char* address : {"127.0.0.1", "127.0.0.9", "192.0.2.1"})
    expect_reached({address, 30080}, server);
  expect_reached({"::1", 30080}, server6);
  // No address of a node, and no route there: the kernel would connect to lo otherwise.
  shell("ip route replace unreachable 203.0.113.1/32");
  EXPECT_NE(Socket(tcp_).connect({"203.0.113.1", 30080}), 0);
  EXPECT_EQ(Socket(tcp_).bind({"0.0.0.0", 30080}), EADDRINUSE);
}

TEST_F(CliBalanceTest, ExternalAddressesAreTheServicesWhereTheyAreTheNodes) {
  const auto service = [](const std::string& address) {
    return R"(apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec:
  clusterIP: 10.96.0.1
  externalIPs: [)" +
           address + R"(]
  ports: [{port: 80}]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: web-1, namespace: shop, labels: {kubernetes.io/service-name: web}}
addressType: IPv4
ports: [{port: 8080}]
endpoints: [{addresses: [127.0.0.2]}]
---
apiVersion: v1
kind: Node
metadata: {name: n1}
status: {addresses: [{type: InternalIP, address: 192.0.2.1}, {type: ExternalIP, address: 203.0.113.9}]}
---
apiVersion: v1
kind: Node
metadata: {name: n2}
status: {addresses: [{type: InternalIP, address: 192.0.2.2}]}
)";
  };
  const Server server(tcp_, {"127.0.0.2", 8080});
  const std::vector<std::string> node = {"--node-name", "n1"};
  // The node's, as its manifest says, and as its interfaces do.
  for (const char* address : {"203.0.113.9", "198.51.100.1"}) {
    const auto loaded = load_text(service(address), node);
    ASSERT_EQ(loaded.exit_code, 0) << loaded.err;
    expect_reached({address, 80}, server);
  }
  // Another node's address, and one of the internet, are left alone.
  shell("ip route replace unreachable 192.0.2.2/32");
  shell("ip route replace unreachable 203.0.113.77/32");
  for (const char* address : {"192.0.2.2", "203.0.113.77"}) {
    ASSERT_EQ(load_text(service(address), node).exit_code, 0);
    const int error = Socket(tcp_).connect({address, 80});
    EXPECT_TRUE(error == EHOSTUNREACH || error == ENETUNREACH) << address << " " << error;
    EXPECT_TRUE(must(table_->reverse.entries()).empty()) << address;
  }
}

TEST_F(CliBalanceTest, NodePortsAreAtTheAddressesOfOtherNodesToo) {
  const std::string nodes = R"(---
apiVersion: v1
kind: Node
metadata: {name: n1}
status: {addresses: [{type: InternalIP, address: 192.0.2.1}]}
---
apiVersion: v1
kind: Node
metadata: {name: n2}
status: {addresses: [{type: InternalIP, address: 192.0.2.2}]}
)";
  const Server server(tcp_, {"127.0.0.2", 8080});
  const auto loaded = load_text(kDualNodePort + nodes, {"--node-name", "n1"});
  ASSERT_EQ(loaded.exit_code, 0) << loaded.err;
  // 198.51.100.1 is an address of an interface that no manifest names.
  for (const char* address : {"192.0.2.1", "192.0.2.2", "198.51.100.1"})
    expect_reached({address, 30080}, server);
}

TEST_F(CliBalanceTest, HostPortsAreAtLoopbackToo) {
  const Server server(tcp_, {"127.0.0.2", 8080});
  const auto pod = [](const std::string& host_ip) {
    return "apiVersion: v1\nkind: Pod\nmetadata: {name: proxy}\nspec: {nodeName: n1, containers: "
           "[{name: a, ports: [{containerPort: 8080, hostPort: 8443, hostIP: \"" +
           host_ip + "\"}]}]}\nstatus: {podIPs: [{ip: 127.0.0.2}]}\n";
  };
  const std::vector<std::string> node = {"--node-name", "n1", "--node-address", "198.51.100.1"};
  ASSERT_EQ(load_text(pod(""), node).exit_code, 0);
  expect_reached({"127.0.0.1", 8443}, server);
  ASSERT_EQ(load_text(pod("127.0.0.1"), node).exit_code, 0);
  expect_reached({"127.0.0.1", 8443}, server);
  ASSERT_EQ(load_text(pod("198.51.100.1"), node).exit_code, 0);
  EXPECT_EQ(Socket(tcp_).connect({"127.0.0.1", 8443}), ECONNREFUSED) << "nobody listens there";
}

}  // namespace
}  // namespace policyc::testing
