// Session::resolve_again(): what does not concern the endpoints that were asked for is not looked
// at again, and whatever does is.

#include <functional>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "compiler/driver/session.h"
#include "tests/unit/driver/session_manifests.h"

namespace policyc::driver {
namespace {

using policyc::testing::allow;
using policyc::testing::pod;
using policyc::testing::published;
using ::testing::HasSubstr;
using ::testing::SizeIs;

SessionEndpoint local(const std::string& name) { return {name, "shop", name, {}}; }

class SessionAgain : public ::testing::Test {
 protected:
  void SetUp() override {
    put("api", pod("api", "api", "", "shop", "10.1.0.1"));
    put("web", pod("web", "web", "", "shop", "10.1.0.2"));
    put("p", allow("p", "api", "web", "http"));
    (void)session_.resolve({local("api"), local("late")});
    EXPECT_TRUE(session_.resolve_again().same_subjects);
  }
  void put(const std::string& key, const std::string& text) {
    const auto verdict = session_.put_file(key, key + ".yaml", text);
    EXPECT_TRUE(verdict.accepted) << verdict.diagnostics;
  }
  // Whether subjects were looked at again; they are as for who asks the first time.
  bool looked() {
    const Resolution result = session_.resolve_again();
    if (result.same_subjects) {
      EXPECT_THAT(result.endpoints, SizeIs(0));
      EXPECT_THAT(result.policies, SizeIs(0));
      return false;
    }
    EXPECT_THAT(result.endpoints, SizeIs(2));
    return true;
  }

  Session session_{{}};
};

TEST_F(SessionAgain, OtherPodsConcernNobody) {
  put("web", pod("web", "other", "", "shop", "10.1.0.2"));
  put("new", pod("new", "web", "", "shop", "10.1.0.3"));
  put("far", published("far", "web", "shop", "blue", "default", "10.1.0.4"));
  (void)session_.resolve_again();  // what is seen of the namespace
  put("far2", published("far2", "web", "shop", "blue", "default", "10.1.0.5"));
  session_.remove_file("new");
  const auto result = session_.resolve_again();
  EXPECT_TRUE(result.same_subjects);
  EXPECT_FALSE(result.everything);
  EXPECT_FALSE(result.more_than_endpoints);
  EXPECT_THAT(result.endpoint_changes, SizeIs(2));
}

TEST_F(SessionAgain, WhatConcernsThemIsLookedAt) {
  put("api", pod("api", "api", "    tier: back\n", "shop", "10.1.0.1"));
  EXPECT_TRUE(looked()) << "a pod that was asked for";
  put("late", pod("late", "api", "", "shop", "10.1.0.9"));
  auto result = session_.resolve_again();
  ASSERT_FALSE(result.same_subjects);
  EXPECT_THAT(result.endpoints.at(1).labels.to_string(), HasSubstr("app=api"));
  session_.remove_file("late");
  result = session_.resolve_again();
  ASSERT_FALSE(result.same_subjects);
  EXPECT_EQ(result.endpoints.at(1).labels.to_string(), "reserved:init");
  put("late", published("late", "api", "shop", "blue", "default", "10.1.0.9"));
  EXPECT_TRUE(looked()) << "one that is published";
  put("p", allow("p", "api", "web", "81"));
  EXPECT_TRUE(looked()) << "a policy";
  session_.remove_file("p");
  EXPECT_TRUE(looked()) << "a policy that went";
  put("ns", "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {team: a}}\n");
  EXPECT_TRUE(looked()) << "their namespace";
  std::string other_port = pod("web", "web", "", "shop", "10.1.0.2");
  other_port.replace(other_port.find("8080"), 4, "8081");
  put("web", other_port);
  EXPECT_TRUE(looked()) << "what a named port means";
  EXPECT_FALSE(looked());
  EXPECT_FALSE(session_.resolve_again(true).same_subjects) << "everything was asked for";
  EXPECT_FALSE(session_.resolve({local("api"), local("late")}).same_subjects);
}

// More peers than a table has rows: the form of a shape depends on who exists.
TEST_F(SessionAgain, WhereFormsDependOnPeersTheyAreMadeAgain) {
  SessionOptions options;
  options.max_rows = 3;
  options.read.agent.allow_localhost = false;
  const auto put_all = [](Session& session, int pods) {
    session.put_file("api", "api", pod("api", "api", "", "shop", "10.1.0.1"));
    session.put_file("p", "p",
                     allow("p", "api", "web", "80") + "---\n" + allow("q", "api", "lb", "81") +
                         "---\n" + allow("r", "api", "db", "82"));
    const std::vector<std::string> apps = {"web", "lb", "db", "web", "lb"};
    for (int i = 0; i < pods; ++i) {
      const std::string name = "x" + std::to_string(i);
      session.put_file(name, name,
                       pod(name, apps.at(static_cast<std::size_t>(i)), "", "shop",
                           "10.1.1." + std::to_string(i + 1)));
    }
  };
  Session session(options);
  put_all(session, 0);
  std::string shape = session.resolve({local("api")}).endpoints.at(0).shape;
  const std::string alone = shape;
  for (int pods = 1; pods <= 5; ++pods) {
    put_all(session, pods);
    const auto result = session.resolve_again();
    if (!result.same_subjects) shape = result.endpoints.at(0).shape;
    Session whole(options);
    put_all(whole, pods);
    EXPECT_EQ(shape, whole.resolve({local("api")}).endpoints.at(0).shape) << pods;
  }
  EXPECT_NE(shape, alone) << "they do depend on peers";
}

// Each step says something else of a few objects; what was told and what stays is what a new
// session says.
TEST_F(SessionAgain, AgreesWithANewSession) {
  const auto seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  const auto pick = [&random](std::size_t count) {
    return std::uniform_int_distribution<std::size_t>(0, count - 1)(random);
  };
  const std::vector<std::string> apps = {"api", "web", "lb"};
  const auto text_of = [&](std::size_t kind, const std::string& name) -> std::string {
    switch (kind) {
      case 0:
        return allow(name, apps[pick(3)], apps[pick(3)], pick(2) == 0 ? "http" : "90");
      case 1:
        return "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {team: t" +
               std::to_string(pick(3)) + "}}\n";
      case 2:
        return published(name, apps[pick(3)], "shop", pick(9) == 0 ? "rare" : "usual", "default",
                         "10.1.2." + std::to_string(pick(9)));
      default: {
        const bool is_over = pick(9) == 0;
        std::string text = pod(name, apps[pick(3)], "", "shop",
                               is_over ? "" : "10.1.1." + std::to_string(pick(9)));
        if (pick(8) == 0) text.replace(text.find("8080"), 4, "8081");
        if (is_over) text += "status: {phase: Succeeded}\n";
        return text;
      }
    }
  };
  Session session({});
  std::map<std::string, std::string> files;
  std::vector<SessionEndpoint> asked = {local("o0"), local("o1"), local("o2")};
  std::map<std::string, ResolvedSubject> told;
  std::string diagnostics;
  std::size_t policies = 0;
  const auto take = [&](const Resolution& result) {
    told.clear();
    for (const ResolvedSubject& one : result.endpoints) told[one.key] = one;
    diagnostics = result.diagnostics;
    policies = result.policies.size();
  };
  take(session.resolve(asked));
  for (int step = 0; step < 250; ++step) {
    const std::size_t kind = pick(12);
    const std::string key = "f" + std::to_string(pick(14));
    const std::string name = "o" + std::to_string(pick(9));
    if (pick(5) == 0) {
      session.remove_file(key);
      files.erase(key);
    } else {
      files[key] = text_of(kind, name);
      ASSERT_TRUE(session.put_file(key, key, files[key]).accepted) << files[key];
    }
    if (pick(3) == 0) continue;
    const auto result = session.resolve_again();
    if (!result.same_subjects) take(result);
    Session whole({});
    for (const auto& [name_, text] : files) whole.put_file(name_, name_, text);
    const auto expected = whole.resolve(asked);
    for (const ResolvedSubject& one : expected.endpoints) {
      const ResolvedSubject& known = told[one.key];
      ASSERT_EQ(known.shape, one.shape) << step << " " << one.key;
      ASSERT_EQ(known.error, one.error) << step << " " << one.key;
      ASSERT_EQ(known.labels, one.labels) << step << " " << one.key;
      ASSERT_EQ(known.policies, one.policies) << step << " " << one.key;
    }
    ASSERT_EQ(diagnostics, expected.diagnostics) << step;
    ASSERT_EQ(policies, expected.policies.size()) << step;
  }
}

}  // namespace
}  // namespace policyc::driver
