// `policyc service load --socket-lb`: manifests in, connections of real processes to their
// backends.

#include <cerrno>
#include <fstream>

#include <gmock/gmock.h>

#include "tests/support/temporary_folder.h"
#include "tests/unit/driver/process.h"
#include "tests/unit/loader/socket_services.h"

namespace policyc::testing {
namespace {

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
    const std::filesystem::path file = folder_ / "services.yaml";
    std::ofstream(file) << text;
    return run_policyc({"service", "load", file, "--socket-lb", "--cgroup", cgroup_, "--bpffs",
                        paths_.bpffs, "--state-dir", paths_.state});
  }
  TemporaryFolder folder_;
  const SocketKind tcp_{"tcp", false, false, SOCK_STREAM};
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

}  // namespace
}  // namespace policyc::testing
