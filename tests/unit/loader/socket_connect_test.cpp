// What processes see when they connect to a service: over families and protocols.

#include <cerrno>
#include <set>

#include <gmock/gmock.h>

#include "tests/unit/loader/socket_services.h"

namespace policyc::testing {
namespace {

class SocketConnectTest : public ServicesTest {};

TEST_P(SocketConnectTest, ReachesABackendAndSeesTheFrontend) {
  const Server server = serve(backend(0));
  make_service({0});
  const Socket client(GetParam());
  ASSERT_EQ(client.connect(frontend()), 0);
  ASSERT_EQ(client.send("hello"), 0);
  EXPECT_EQ(server.receive(), "hello");
  EXPECT_EQ(client.peer(), frontend());
}

TEST_P(SocketConnectTest, UsesEveryBackend) {
  const Server first = serve(backend(0));
  const Server second = serve(backend(1));
  make_service({0, 1});
  std::set<std::uint32_t> chosen;
  for (int i = 0; i < 64; ++i) {
    const Socket client(GetParam());
    ASSERT_EQ(client.connect(frontend()), 0);
    for (const auto& [key, value] : must(table_->reverse.entries())) {
      if (key.cookie == client.cookie()) chosen.insert(value.backend);
    }
  }
  EXPECT_THAT(chosen, ::testing::ElementsAre(number(0), number(1)));
}

TEST_P(SocketConnectTest, AddressesThatAreNoServicesAreLeftAlone) {
  const Server server = serve(backend(0));
  make_service({1});
  const Socket client(GetParam());
  ASSERT_EQ(client.connect(backend(0)), 0);
  EXPECT_EQ(client.peer(), backend(0));
  EXPECT_EQ(remembered(), 0U);
}

TEST_P(SocketConnectTest, AServiceWithoutBackendsIsUnreachable) {
  make_service({});
  EXPECT_EQ(Socket(GetParam()).connect(frontend()), EHOSTUNREACH);
  EXPECT_EQ(remembered(), 0U);
}

TEST_P(SocketConnectTest, APortThatTheServiceDoesNotHaveIsRefused) {
  make_service({0});
  const Peer other{frontend().address, 4444};
  // Somebody who listens there must not be reached past the service.
  const Server server = serve(other);
  EXPECT_EQ(Socket(GetParam()).connect(other), 0);
  table_->set_lookup({frontend().address, 0}, 0, {});
  EXPECT_EQ(Socket(GetParam()).connect(other), ECONNREFUSED);
}

TEST_P(SocketConnectTest, AClosedSocketLeavesNothing) {
  const Server server = serve(backend(0));
  make_service({0});
  Socket client(GetParam());
  ASSERT_EQ(client.connect(frontend()), 0);
  EXPECT_EQ(remembered(), 1U);
  client.close();
  EXPECT_EQ(remembered(), 0U);
}

INSTANTIATE_TEST_SUITE_P(Kinds, SocketConnectTest, ::testing::ValuesIn(socket_kinds()),
                         [](const auto& kind) { return kind.param.name; });

}  // namespace
}  // namespace policyc::testing
