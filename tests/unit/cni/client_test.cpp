// The agent's client: it knows at once that nobody is there, and at once that somebody is again.

#include "loader/api/client.h"

#include <gtest/gtest.h>

#include "tests/support/temporary_folder.h"
#include "tests/unit/cni/fake_agent.h"

namespace policyc::testing {
namespace {

TEST(ApiClient, TheFirstCallToAnAgentThatCameIsAnswered) {
  const TemporaryFolder folder;
  const auto socket = folder / "policyd.sock";
  api::Client client(socket);
  for (int round = 0; round < 3; ++round) {
    // Many tries do not make the next one wait.
    for (int i = 0; i < 20; ++i) {
      const auto away = client.status();
      ASSERT_FALSE(away);
      EXPECT_EQ(away.error().code, grpc::StatusCode::UNAVAILABLE);
      EXPECT_NE(away.error().message.find(socket.string()), std::string::npos)
          << away.error().message;
    }
    const FakeAgent agent(socket);
    const auto status = client.status();
    ASSERT_TRUE(status) << to_string(status.error());
    EXPECT_TRUE(status->synced());
  }
}

TEST(ApiClient, OneAgentAfterTheOtherNeedsNoNewClient) {
  const TemporaryFolder folder;
  const auto socket = folder / "policyd.sock";
  api::Client client(socket);
  for (int round = 0; round < 3; ++round) {
    const FakeAgent agent(socket);
    const auto status = client.status();
    EXPECT_TRUE(status) << to_string(status.error());
  }
}

TEST(ApiClient, ASocketThatNobodyListensAtIsUnavailable) {
  const TemporaryFolder folder;
  const std::string long_name(200, 'x');
  for (const auto& socket : {folder / "nothing.sock", folder / long_name}) {
    const auto away = api::Client(socket).remove({});
    ASSERT_FALSE(away);
    EXPECT_EQ(away.error().code, grpc::StatusCode::UNAVAILABLE);
  }
}

}  // namespace
}  // namespace policyc::testing
