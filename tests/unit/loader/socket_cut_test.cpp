// Sockets of backends that were removed are cut, and no others.

#include <array>
#include <cerrno>

#include <gmock/gmock.h>
#include <poll.h>

#include "loader/sockets/cut.h"
#include "tests/unit/loader/socket_services.h"

namespace policyc::testing {
namespace {

using sockets::CutMethod;
using sockets::CutProtocols;
using sockets::RemovedBackend;

constexpr std::uint32_t kGeneration = 1;
// The best one is the iterator where the kernel has what it needs.
constexpr std::array kMethods{CutMethod::Best, CutMethod::Netlink};

class SocketCutTest : public ServicesTest {
 protected:
  [[nodiscard]] std::size_t cut(std::uint32_t index, CutMethod method = CutMethod::Best,
                                std::uint32_t generation = kGeneration) const {
    const RemovedBackend removed{number(index), generation};
    return must(sockets::cut_sockets(paths_.bpffs, {&removed, 1}, CutProtocols::UdpAndTcp, method));
  }
  // The error that waits at the socket.
  static int pending_error(const Socket& socket) {
    int error = 0;
    socklen_t length = sizeof error;
    if (::getsockopt(socket.fd().get(), SOL_SOCKET, SO_ERROR, &error, &length) != 0) return errno;
    return error;
  }
};

TEST_P(SocketCutTest, ThoseConnectedToTheBackendAreCut) {
  const Server first = serve(backend(0));
  const Server second = serve(backend(1));
  for (const CutMethod method : kMethods) {
    make_service({0});
    const Socket lost(GetParam());
    ASSERT_EQ(lost.connect(frontend()), 0);
    list_backends({1});
    const Socket kept(GetParam());
    ASSERT_EQ(kept.connect(frontend()), 0);
    const Socket direct(GetParam());  // to the same backend, but not through the service
    ASSERT_EQ(direct.connect(backend(0)), 0);
    EXPECT_EQ(cut(0, method), 1U);
    EXPECT_EQ(pending_error(lost), ECONNABORTED);
    EXPECT_EQ(pending_error(kept), 0);
    EXPECT_EQ(pending_error(direct), 0);
    EXPECT_EQ(remembered(), 1U);
    EXPECT_EQ(cut(0, method), 0U);
  }
}

TEST_P(SocketCutTest, TheProcessConnectsAgain) {
  const Server first = serve(backend(0));
  const Server second = serve(backend(1));
  make_service({0});
  const Socket lost(GetParam());
  ASSERT_EQ(lost.connect(frontend()), 0);
  list_backends({1});
  table_->set_backend(number(0), kService, backend(0), GetParam().protocol(), BACKEND_FREE);
  EXPECT_EQ(cut(0), 1U);
  pollfd waiting{lost.fd().get(), POLLIN, 0};
  EXPECT_EQ(::poll(&waiting, 1, 1000), 1);  // the process is woken
  EXPECT_EQ(pending_error(lost), ECONNABORTED);
  const Socket again(GetParam());
  ASSERT_EQ(again.connect(frontend()), 0);
  ASSERT_EQ(again.send("back"), 0);
  EXPECT_EQ(second.receive(), "back");
}

TEST_P(SocketCutTest, AnotherGenerationIsAnotherBackend) {
  const Server server = serve(backend(0));
  make_service({0});
  const Socket client(GetParam());
  ASSERT_EQ(client.connect(frontend()), 0);
  EXPECT_EQ(cut(0, CutMethod::Best, kGeneration + 1), 0U);
  EXPECT_EQ(pending_error(client), 0);
  EXPECT_EQ(remembered(), 1U);
}

TEST_P(SocketCutTest, SocketsOfOtherNamespacesAreCutToo) {
  make_service({0});
  in_new_namespace([&] {
    shell("ip addr add 10.77.0.1/32 dev lo");
    add_loopback6("fd77::1");
    const Server server = serve(backend(0));
    const Socket client(GetParam());
    ASSERT_EQ(client.connect(frontend()), 0);
    // Threads are not looked at, processes and names are.
    const std::string name = paths_.bpffs.filename();
    shell("mkdir -p /run/netns && touch /run/netns/" + name + " && mount --bind /proc/" +
          std::to_string(::getpid()) + "/task/" + std::to_string(::gettid()) +
          "/ns/net /run/netns/" + name);
    EXPECT_EQ(cut(0), 1U);
    // Lazily: whoever looks at all namespaces at this moment holds it open.
    shell("umount -l /run/netns/" + name + " && rm /run/netns/" + name);
    EXPECT_EQ(pending_error(client), ECONNABORTED);
  });
}

TEST_P(SocketCutTest, MoreThanOneReadHolds) {
  const Server server = serve(backend(0));
  for (const CutMethod method : kMethods) {
    make_service({0});
    std::vector<Socket> clients;
    constexpr std::size_t kClients = 300;
    for (std::size_t i = 0; i < kClients; ++i) {
      ASSERT_EQ(clients.emplace_back(GetParam()).connect(frontend()), 0);
      // Let the server's queue not fill.
      if (GetParam().type == SOCK_STREAM)
        bpf::Fd(::accept4(server.socket().fd().get(), nullptr, nullptr, SOCK_CLOEXEC)).reset();
    }
    EXPECT_EQ(cut(0, method), kClients);
    EXPECT_EQ(remembered(), 0U);
  }
}

TEST_P(SocketCutTest, TcpIsCutOnRequestOnly) {
  const Server server = serve(backend(0));
  make_service({0});
  const Socket client(GetParam());
  ASSERT_EQ(client.connect(frontend()), 0);
  EXPECT_EQ(must(sockets::cut_sockets(paths_.bpffs, number(0), kGeneration)),
            GetParam().type == SOCK_DGRAM ? 1U : 0U);
}

INSTANTIATE_TEST_SUITE_P(Kinds, SocketCutTest, ::testing::ValuesIn(socket_kinds()),
                         [](const auto& kind) { return kind.param.name; });

}  // namespace
}  // namespace policyc::testing
