// Which authentication an allowed flow needs (spec section 6.6).

#include "compiler/eval/auth.h"

#include <gtest/gtest.h>

namespace policyc::eval {
namespace {

using policy::AuthType;

class Auth : public testing::Test {
 protected:
  void add(bool names_peer, int key_length, std::optional<AuthType> auth,
           int precedence = kAllowPrecedence) {
    peers_.push_back(std::make_unique<PeerPolicy>());
    peers_.back()->auth = auth;
    matches_.push_back({nullptr, peers_.back().get(), names_peer, key_length, precedence});
  }
  std::string result() const {
    const auto requirement = auth_requirement(matches_);
    return requirement ? std::string(policy::auth_name(requirement->type)) +
                             (requirement->is_explicit ? "" : " derived")
                       : "";
  }
  std::vector<std::unique_ptr<PeerPolicy>> peers_;
  std::vector<Match> matches_;
};

TEST_F(Auth, NobodyAsks) {
  add(true, 17, std::nullopt);
  EXPECT_EQ(result(), "");
}

TEST_F(Auth, TheNarrowestKeySpeaks) {
  add(true, 0, AuthType::AlwaysFail);
  add(true, 17, AuthType::Disabled);
  EXPECT_EQ(result(), "disabled");
}

TEST_F(Auth, SameKeyTakesTheHigher) {
  add(true, 17, AuthType::Disabled);
  add(true, 17, AuthType::Spire);
  EXPECT_EQ(result(), "spire");
}

TEST_F(Auth, ASilentKeyInheritsFromTheCoveringOneOfThePeer) {
  add(true, 0, AuthType::Spire);
  add(true, 17, std::nullopt);
  EXPECT_EQ(result(), "spire derived");
}

TEST_F(Auth, ASilentKeyTakesWhatTheOtherLookupAsks) {
  add(true, 17, std::nullopt);
  add(false, 1, AuthType::Spire);
  EXPECT_EQ(result(), "spire derived");
}

TEST_F(Auth, AnOverruledSilentKeyDoesNotCount) {
  add(true, 17, std::nullopt);
  add(false, 1, AuthType::Spire, 154);
  EXPECT_EQ(result(), "spire");
}

TEST_F(Auth, AnOverruledKeyWithAClauseKeepsItAndTakesTheRedirect) {
  add(false, 10, AuthType::AlwaysFail, 139);
  add(false, 17, AuthType::Spire);
  EXPECT_EQ(result(), "spire");
}

}  // namespace
}  // namespace policyc::eval
