// UDP sockets that are not connected, and those that connect again.

#include <cerrno>
#include <set>

#include <gmock/gmock.h>

#include "tests/unit/loader/socket_services.h"

namespace policyc::testing {
namespace {

std::vector<SocketKind> datagram_kinds() {
  std::vector<SocketKind> kinds = socket_kinds();
  std::erase_if(kinds, [](const SocketKind& kind) { return kind.type != SOCK_DGRAM; });
  return kinds;
}

class SocketSendTest : public ServicesTest {
 protected:
  // Where the client's next datagrams go: the backends that sockets have in socket_reverse.
  [[nodiscard]] std::set<std::uint32_t> backends_of(const Socket& client) const {
    std::set<std::uint32_t> result;
    for (const auto& [key, value] : must(table_->reverse.entries())) {
      if (key.cookie == client.cookie()) result.insert(value.backend);
    }
    return result;
  }
};

TEST_P(SocketSendTest, ReachesABackendAndSeesTheAnswerComeFromTheFrontend) {
  const Server server = serve(backend(0));
  make_service({0});
  const Socket client(GetParam());
  ASSERT_EQ(client.send_to(frontend(), "question"), 0);
  const auto question = server.socket().receive();
  EXPECT_EQ(question.text, "question");
  ASSERT_EQ(server.socket().send_to(question.sender, "answer"), 0);
  const auto answer = client.receive();
  EXPECT_EQ(answer.text, "answer");
  EXPECT_EQ(answer.sender, frontend());
}

TEST_P(SocketSendTest, AnswersOfAConnectedSocketComeFromTheFrontend) {
  const Server server = serve(backend(0));
  make_service({0});
  const Socket client(GetParam());
  ASSERT_EQ(client.connect(frontend()), 0);
  ASSERT_EQ(client.send("question"), 0);
  const auto question = server.socket().receive();
  ASSERT_EQ(server.socket().send_to(question.sender, "answer"), 0);
  EXPECT_EQ(client.receive().sender, frontend());
}

TEST_P(SocketSendTest, DatagramsOfOthersShowTheirSender) {
  const Server other = serve(backend(1));
  make_service({0});
  const Socket client(GetParam());
  ASSERT_EQ(client.send_to(frontend(), "question"), 0);
  ASSERT_EQ(other.socket().send_to({v6() ? "::1" : "127.0.0.1", client.local().port}, "greeting"),
            0);
  EXPECT_EQ(client.receive().sender, backend(1));
}

TEST_P(SocketSendTest, KeepsItsBackendWhileThatIsActive) {
  make_service({0, 1, 2, 3});
  const Socket client(GetParam());
  for (int i = 0; i < 40; ++i) ASSERT_EQ(client.send_to(frontend(), "x"), 0);
  const auto had = backends_of(client);
  ASSERT_EQ(had.size(), 1U);
  const std::uint32_t index = *had.begin() - number(0);
  std::vector<std::uint32_t> others{0, 1, 2, 3};
  std::erase(others, index);
  list_backends(others);
  table_->set_backend(number(index), kService, backend(index), IPPROTO_UDP, BACKEND_TERMINATING);
  ASSERT_EQ(client.send_to(frontend(), "x"), 0);
  EXPECT_EQ(backends_of(client).size(), 2U);
}

TEST_P(SocketSendTest, KeepsABackendThatIsNotHealthyWhenAllAreSo) {
  make_service({0, 1, 2, 3});
  for (const std::uint32_t index : {0U, 1U, 2U, 3U}) {
    table_->set_backend(number(index), kService, backend(index), IPPROTO_UDP, BACKEND_QUARANTINED);
  }
  const Socket client(GetParam());
  for (int i = 0; i < 40; ++i) ASSERT_EQ(client.send_to(frontend(), "x"), 0);
  EXPECT_EQ(backends_of(client).size(), 1U);
}

TEST_P(SocketSendTest, ANumberOfAnotherBackendIsNotTheOldOne) {
  const Server old = serve(backend(0));
  const Server fresh = serve(backend(1));
  make_service({0});
  const Socket client(GetParam());
  ASSERT_EQ(client.send_to(frontend(), "x"), 0);
  const auto first = old.socket().receive();
  // The number goes to another backend; what the old one still sends is shown as it is.
  table_->set_backend(number(0), kService, backend(1), IPPROTO_UDP, BACKEND_ACTIVE, 2);
  ASSERT_EQ(old.socket().send_to(first.sender, "late"), 0);
  EXPECT_EQ(client.receive().sender, backend(0));
  EXPECT_EQ(remembered(), 0U);
  ASSERT_EQ(client.send_to(frontend(), "y"), 0);
  EXPECT_EQ(fresh.socket().receive().text, "y");
}

TEST_P(SocketSendTest, ANumberOfAnotherFrontendIsNotShown) {
  const Server server = serve(backend(0));
  make_service({0});
  const Socket client(GetParam());
  ASSERT_EQ(client.send_to(frontend(), "x"), 0);
  const auto question = server.socket().receive();
  frontend_value value{};
  value.service[SCOPE_INTERNAL] = kService;
  table_->erase_lookup(frontend(), IPPROTO_UDP);
  table_->set_frontend(kFrontend, {v6() ? "fd96::2" : "10.96.0.2", 80}, IPPROTO_UDP, value);
  ASSERT_EQ(server.socket().send_to(question.sender, "late"), 0);
  EXPECT_EQ(client.receive().sender, backend(0));
  EXPECT_EQ(remembered(), 0U);
}

TEST_P(SocketSendTest, RefusesAsConnectDoes) {
  make_service({});
  const Socket client(GetParam());
  EXPECT_EQ(client.send_to(frontend(), "x"), EHOSTUNREACH);
  table_->set_lookup({frontend().address, 0}, 0, {});
  EXPECT_EQ(client.send_to({frontend().address, 4444}, "x"), ECONNREFUSED);
}

TEST_P(SocketSendTest, AClosedSocketLeavesNothing) {
  make_service({0});
  frontend_value value{};
  value.service[SCOPE_INTERNAL] = kService + 1;
  const Peer second{v6() ? "fd96::2" : "10.96.0.2", 53};
  table_->set_backend(number(1), kService + 1, backend(1), IPPROTO_UDP);
  table_->set_service(kService + 1, {number(1)});
  table_->set_frontend(kFrontend + 1, second, IPPROTO_UDP, value);
  Socket client(GetParam());
  ASSERT_EQ(client.send_to(frontend(), "x"), 0);
  ASSERT_EQ(client.send_to(second, "x"), 0);
  EXPECT_EQ(remembered(), 2U);
  client.close();
  EXPECT_EQ(remembered(), 0U);
}

TEST_P(SocketSendTest, MoreFrontendsThanASocketRemembers) {
  const Server server = serve(backend(0));
  make_service({0});
  frontend_value value{};
  value.service[SCOPE_INTERNAL] = kService;
  constexpr std::uint16_t kFrontends = 20;
  const auto port = [&](std::uint16_t index) {
    return Peer{frontend().address, static_cast<std::uint16_t>(1000 + index)};
  };
  for (std::uint16_t i = 0; i < kFrontends; ++i)
    table_->set_frontend(kFrontend + 1U + i, port(i), IPPROTO_UDP, value);
  const Socket client(GetParam());
  for (int round = 0; round < 2; ++round) {
    for (std::uint16_t i = 0; i < kFrontends; ++i) {
      ASSERT_EQ(client.send_to(port(i), "question"), 0);
      const auto question = server.socket().receive();
      ASSERT_EQ(server.socket().send_to(question.sender, "answer"), 0);
      EXPECT_EQ(client.receive().sender, port(i));
    }
  }
}

TEST_P(SocketSendTest, ConnectingAgainKeepsTheBackend) {
  make_service({0, 1, 2, 3});
  const Socket client(GetParam());
  for (int i = 0; i < 40; ++i) ASSERT_EQ(client.connect(frontend()), 0);
  EXPECT_EQ(backends_of(client).size(), 1U);
}

TEST_P(SocketSendTest, ConnectingElsewhereLeavesNothing) {
  make_service({0});
  const Socket client(GetParam());
  ASSERT_EQ(client.connect(frontend()), 0);
  ASSERT_EQ(client.connect(backend(3)), 0);
  EXPECT_EQ(remembered(), 0U);
  EXPECT_EQ(client.peer(), backend(3));
}

TEST_P(SocketSendTest, SessionAffinityIsOfTheNetworkNamespace) {
  constexpr std::uint32_t kLong = 10'000;
  make_service({0, 1, 2, 3}, 0, kLong);
  std::set<std::uint32_t> chosen;
  for (int i = 0; i < 20; ++i) {
    const Socket connected(GetParam());
    ASSERT_EQ(connected.connect(frontend()), 0);
    chosen.merge(backends_of(connected));
    const Socket sender(GetParam());
    ASSERT_EQ(sender.send_to(frontend(), "x"), 0);
    chosen.merge(backends_of(sender));
  }
  EXPECT_EQ(chosen.size(), 1U);
  // Of a dozen namespaces not all are given the same of four backends.
  for (int i = 0; i < 12; ++i) {
    in_new_namespace([&] {
      shell("ip route add 0.0.0.0/0 dev lo && ip -6 route add ::/0 dev lo");
      const Socket client(GetParam());
      ASSERT_EQ(client.connect(frontend()), 0);
      chosen.merge(backends_of(client));
    });
  }
  EXPECT_GT(chosen.size(), 1U);
}

INSTANTIATE_TEST_SUITE_P(Kinds, SocketSendTest, ::testing::ValuesIn(datagram_kinds()),
                         [](const auto& kind) { return kind.param.name; });

}  // namespace
}  // namespace policyc::testing
