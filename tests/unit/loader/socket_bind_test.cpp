// NodePorts, external IPs and hostPorts: what processes of the node may bind, and who reaches them.

#include <cerrno>

#include <gmock/gmock.h>

#include "runtime/abi/abi.h"
#include "tests/unit/loader/socket_services.h"

namespace policyc::testing {
namespace {

constexpr std::uint16_t kNodePort = 30080;

class SocketBindTest : public ServicesTest {
 protected:
  [[nodiscard]] Peer any(std::uint16_t port) const { return {v6() ? "::" : "0.0.0.0", port}; }
  [[nodiscard]] Peer loopback(std::uint16_t port) const {
    return {v6() ? "::1" : "127.0.0.1", port};
  }
  // A port of every address of the node, and of other nodes.
  void make_any(std::uint32_t flags) const {
    list_backends({0});
    frontend_value value{};
    value.service[SCOPE_INTERNAL] = kService;
    value.flags = flags;
    table_->set_frontend(kFrontend, any(kNodePort), GetParam().protocol(), value);
  }
};

TEST_P(SocketBindTest, FrontendsThatAreReachedFromOutsideCannotBeBound) {
  for (const std::uint32_t flags :
       {FRONTEND_NODE_PORT, FRONTEND_EXTERNAL_IP, FRONTEND_LOAD_BALANCER}) {
    make_service({0}, flags);
    EXPECT_EQ(Socket(GetParam()).bind(frontend()), EADDRINUSE);
    EXPECT_EQ(Socket(GetParam()).bind({frontend().address, 81}), 0);
  }
}

TEST_P(SocketBindTest, ClusterAddressesCanBeBound) {
  make_service({0}, 0);
  EXPECT_EQ(Socket(GetParam()).bind(frontend()), 0);
}

TEST_P(SocketBindTest, ANodePortCannotBeBoundAtAnyAddressOfTheNode) {
  make_any(FRONTEND_NODE_PORT);
  table_->set_identity(backend(2).address, IDENTITY_HOST);
  EXPECT_EQ(Socket(GetParam()).bind(any(kNodePort)), EADDRINUSE);
  EXPECT_EQ(Socket(GetParam()).bind(loopback(kNodePort)), EADDRINUSE);
  EXPECT_EQ(Socket(GetParam()).bind({backend(2).address, kNodePort}), EADDRINUSE);
  EXPECT_EQ(Socket(GetParam()).bind(any(kNodePort + 1)), 0);
}

TEST_P(SocketBindTest, PodsBindWhatTheyLike) {
  make_any(FRONTEND_NODE_PORT);
  in_new_namespace([&] { EXPECT_EQ(Socket(GetParam()).bind(any(kNodePort)), 0); });
}

TEST_P(SocketBindTest, ProcessesOfTheNodeReachNodePortsAtItsAddresses) {
  make_any(FRONTEND_NODE_PORT);
  table_->set_identity(backend(2).address, IDENTITY_HOST);
  table_->set_identity("10.9.9.9", IDENTITY_REMOTE_NODE);
  table_->set_identity("fd09::9", IDENTITY_REMOTE_NODE);
  const Server server = serve(backend(0));
  for (const Peer& peer : {loopback(kNodePort), any(kNodePort), Peer{backend(2).address, kNodePort},
                           Peer{v6() ? "fd09::9" : "10.9.9.9", kNodePort}}) {
    const Socket client(GetParam());
    ASSERT_EQ(client.connect(peer), 0) << peer;
    ASSERT_EQ(client.send("x"), 0);
    EXPECT_EQ(server.receive(), "x") << peer;
    EXPECT_EQ(client.peer(), peer);
  }
}

TEST_P(SocketBindTest, AddressesOfNobodyAreNoNodePorts) {
  make_any(FRONTEND_NODE_PORT);
  const Server there = serve({backend(2).address, kNodePort});
  const Socket client(GetParam());
  ASSERT_EQ(client.connect({backend(2).address, kNodePort}), 0);
  EXPECT_EQ(remembered(), 0U);
}

// Cilium's identity_is_remote_node().
TEST_P(SocketBindTest, NodesThatPoliciesTellApartAreNodes) {
  constexpr std::uint32_t kSingleNode = 0x02000001;
  constexpr std::uint32_t kCidr = 0x01000001;
  make_any(FRONTEND_NODE_PORT);
  const Server server = serve(backend(0));
  const Peer peer{backend(3).address, kNodePort};
  for (const std::uint32_t identity : {std::uint32_t{IDENTITY_KUBE_APISERVER}, kSingleNode}) {
    table_->set_identity(peer.address, identity);
    const Socket client(GetParam());
    ASSERT_EQ(client.connect(peer), 0) << identity;
    ASSERT_EQ(client.send("x"), 0);
    EXPECT_EQ(server.receive(), "x") << identity;
  }
  table_->set_identity(peer.address, kCidr);
  const Server there = serve(peer);
  const Socket client(GetParam());
  ASSERT_EQ(client.connect(peer), 0);
  ASSERT_EQ(client.send("y"), 0);
  EXPECT_EQ(there.receive(), "y");
}

TEST_P(SocketBindTest, AHostPortIsOfThisNodeAlone) {
  make_any(FRONTEND_HOST_PORT);
  const Server server = serve(backend(0));
  table_->set_identity(backend(2).address, IDENTITY_HOST);
  table_->set_identity(backend(3).address, IDENTITY_REMOTE_NODE);
  for (const Peer& peer : {loopback(kNodePort), Peer{backend(2).address, kNodePort}}) {
    const Socket client(GetParam());
    ASSERT_EQ(client.connect(peer), 0) << peer;
    ASSERT_EQ(client.send("x"), 0);
    EXPECT_EQ(server.receive(), "x") << peer;
  }
  const Server elsewhere = serve({backend(3).address, kNodePort});
  const Socket client(GetParam());
  ASSERT_EQ(client.connect(elsewhere.socket().local()), 0);
  ASSERT_EQ(client.send("y"), 0);
  EXPECT_EQ(elsewhere.receive(), "y");
}

TEST_P(SocketBindTest, AHostPortOfLoopbackIsReachedThereAlone) {
  make_any(FRONTEND_HOST_PORT | FRONTEND_LOOPBACK);
  const Server server = serve(backend(0));
  table_->set_identity(backend(2).address, IDENTITY_HOST);
  const Socket client(GetParam());
  ASSERT_EQ(client.connect(loopback(kNodePort)), 0);
  ASSERT_EQ(client.send("x"), 0);
  EXPECT_EQ(server.receive(), "x");
  const Server there = serve({backend(2).address, kNodePort});
  const Socket other(GetParam());
  ASSERT_EQ(other.connect(there.socket().local()), 0);
  ASSERT_EQ(other.send("y"), 0);
  EXPECT_EQ(there.receive(), "y");
}

TEST_P(SocketBindTest, ThePodsOwnLoopbackIsNotTheNodes) {
  make_any(FRONTEND_NODE_PORT);
  in_new_namespace([&] {
    const Server server = serve(loopback(kNodePort));
    const Socket client(GetParam());
    ASSERT_EQ(client.connect(loopback(kNodePort)), 0);
    ASSERT_EQ(client.send("x"), 0);
    EXPECT_EQ(server.receive(), "x");
  });
  EXPECT_EQ(remembered(), 0U);
}

TEST_P(SocketBindTest, AnExternalAddressIsTranslatedOnlyWhenItIsTheNodes) {
  const Server server = serve(frontend());
  make_service({0}, FRONTEND_EXTERNAL_IP);
  {
    const Socket client(GetParam());
    ASSERT_EQ(client.connect(frontend()), 0);
    ASSERT_EQ(client.send("out"), 0);
    EXPECT_EQ(server.receive(), "out");
  }
  table_->set_identity(frontend().address, IDENTITY_HOST);
  const Server taken = serve(backend(0));
  const Socket client(GetParam());
  ASSERT_EQ(client.connect(frontend()), 0);
  ASSERT_EQ(client.send("in"), 0);
  EXPECT_EQ(taken.receive(), "in");
}

TEST_P(SocketBindTest, BackendsOfTheOtherFamilyAreLeftToThePackets) {
  const Server there = serve(frontend());
  make_service({0}, FRONTEND_OTHER_FAMILY);
  const Socket client(GetParam());
  ASSERT_EQ(client.connect(frontend()), 0);
  EXPECT_EQ(remembered(), 0U);
}

INSTANTIATE_TEST_SUITE_P(Kinds, SocketBindTest, ::testing::ValuesIn(socket_kinds()),
                         [](const auto& kind) { return kind.param.name; });

}  // namespace
}  // namespace policyc::testing
