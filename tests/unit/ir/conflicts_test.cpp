#include "compiler/ir/conflicts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "compiler/policy/entities.h"
#include "tests/unit/ir/sample.h"

namespace policyc::ir {
namespace {

using policy::Direction;
using policy::Parser;
using policy::Protocol;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::label;
using testing::port;
using ::testing::SizeIs;
using testing::World;

// Two egress entries for the same peer on tcp/80; the nodes of their ports stand on lines 52
// and 53.
class Conflicts : public ::testing::Test {
 protected:
  Conflicts() {
    world_.add(Direction::Egress, false, {label("app", "a")}, {port(Protocol::Tcp, 80)});
    world_.add(Direction::Egress, false, {label("app", "a")}, {port(Protocol::Tcp, 80)});
  }
  policy::Entry& entry(std::size_t index) { return world_.resolved.entries[index]; }
  policy::EntryPorts& ports(std::size_t index) { return entry(index).l4[0]; }

  std::vector<diag::Diagnostic> check() {
    std::vector<const policy::Entry*> entries;
    for (const auto& each : world_.resolved.entries) entries.push_back(&each);
    diag::Engine diagnostics;
    const bool ok = check_conflicts(entries, diagnostics);
    EXPECT_EQ(ok, diagnostics.all().empty());
    return diagnostics.all();
  }
  void expect_one(diag::Id id, const std::string& message) {
    const auto found = check();
    ASSERT_THAT(found, SizeIs(1));
    EXPECT_EQ(found[0].id, id);
    EXPECT_EQ(found[0].severity, diag::Severity::Error);
    EXPECT_THAT(found[0].message, HasSubstr(message));
    EXPECT_EQ(world_.sources.file_line(found[0].node), "policy.yaml:53");
    ASSERT_THAT(found[0].infos, SizeIs(1));
    EXPECT_EQ(world_.sources.file_line(found[0].infos[0].node), "policy.yaml:52");
    EXPECT_THAT(found[0].infos[0].text, HasSubstr("other"));
    EXPECT_FALSE(found[0].help.empty());
  }

  World world_;
};

TEST_F(Conflicts, PlainRulesNeverConflict) { EXPECT_THAT(check(), IsEmpty()); }

TEST_F(Conflicts, TwoParsers) {
  ports(0).parser = Parser::Http;
  ports(1).parser = Parser::Kafka;
  expect_one(diag::Id::ConflictingParsers, "`kafka` meets `http`");
}

TEST_F(Conflicts, GenericParsersDifferByName) {
  for (const int i : {0, 1}) ports(static_cast<std::size_t>(i)).parser = Parser::Generic;
  ports(0).generic_parser = ports(1).generic_parser = "memcache";
  EXPECT_THAT(check(), IsEmpty());
  ports(1).generic_parser = "r2d2";
  expect_one(diag::Id::ConflictingParsers, "`r2d2`");
}

TEST_F(Conflicts, TlsGivesWayToL7InEitherOrderButNotToDns) {
  for (const Parser l7 : {Parser::Http, Parser::Kafka, Parser::Generic}) {
    ports(0).parser = Parser::Tls;
    ports(1).parser = l7;
    EXPECT_THAT(check(), IsEmpty());
    std::swap(ports(0).parser, ports(1).parser);
    EXPECT_THAT(check(), IsEmpty());
  }
  ports(0).parser = Parser::Tls;
  ports(1).parser = Parser::Dns;
  expect_one(diag::Id::ConflictingParsers, "`dns`");
  ports(0).parser = Parser::Dns;
  ports(1).parser = Parser::Tls;
  expect_one(diag::Id::ConflictingParsers, "`tls`");
}

TEST_F(Conflicts, AParserBesideNoneIsFine) {
  ports(0).parser = Parser::Http;
  EXPECT_THAT(check(), IsEmpty());
  std::swap(ports(0).parser, ports(1).parser);
  EXPECT_THAT(check(), IsEmpty());
}

TEST_F(Conflicts, L7ParsersDoNotCountOnUdp) {
  for (const std::size_t i : {0U, 1U}) ports(i).ports[0].protocol = Protocol::Udp;
  ports(0).parser = Parser::Http;
  ports(1).parser = Parser::Dns;
  EXPECT_THAT(check(), IsEmpty());
}

TEST_F(Conflicts, DifferentPortsPeersOrRangesDoNotMeet) {
  ports(0).parser = Parser::Http;
  ports(1).parser = Parser::Dns;
  ports(1).ports[0].end_port = 80;
  EXPECT_THAT(check(), IsEmpty()) << "80 and 80-80 are two filters";
  ports(1).ports[0].end_port = 0;
  ports(1).ports[0].port = 81;
  EXPECT_THAT(check(), IsEmpty());
  ports(1).ports[0].port = 80;
  entry(1).peers = {label("app", "b")};
  EXPECT_THAT(check(), IsEmpty());
  entry(1).peers.push_back(label("app", "a"));
  EXPECT_THAT(check(), SizeIs(1));
}

TEST_F(Conflicts, NoPeersMeetTheWildcardSelector) {
  ports(0).parser = Parser::Http;
  ports(1).parser = Parser::Dns;
  entry(0).l3 = policy::L3::Empty;
  entry(0).peers.clear();
  entry(1).peers = {policy::wildcard_selector()};
  expect_one(diag::Id::ConflictingParsers, "meets");
}

TEST_F(Conflicts, TheEntityNoneNeverConflicts) {
  ports(0).parser = Parser::Http;
  ports(1).parser = Parser::Dns;
  for (const std::size_t i : {0U, 1U}) entry(i).peers = {policy::reserved_selector("none")};
  EXPECT_THAT(check(), IsEmpty());
}

TEST_F(Conflicts, ADenyReplacesWhatItMeets) {
  ports(0).parser = Parser::Http;
  entry(1).deny = true;
  auto& third =
      world_.add(Direction::Egress, false, {label("app", "a")}, {port(Protocol::Tcp, 80)});
  third.l4[0].parser = Parser::Dns;
  EXPECT_THAT(check(), IsEmpty());
}

TEST_F(Conflicts, TwoListenersOfEqualPriority) {
  for (const std::size_t i : {0U, 1U}) {
    ports(i).parser = Parser::Crd;
    ports(i).listener = policy::ListenerRef{"config", "one", false, 7};
  }
  EXPECT_THAT(check(), IsEmpty());
  ports(1).listener->config = "another";
  expect_one(diag::Id::ConflictingListeners, "equal priority");
  ports(1).listener->priority = 8;
  EXPECT_THAT(check(), IsEmpty());
  ports(1).listener->priority = 0;
  EXPECT_THAT(check(), IsEmpty());
}

TEST_F(Conflicts, TwoAuthenticationModes) {
  entry(1).auth = policy::AuthType::Spire;
  EXPECT_THAT(check(), IsEmpty());
  entry(0).auth = policy::AuthType::Disabled;
  expect_one(diag::Id::ConflictingAuthentication, "authentication.mode");
}

TEST_F(Conflicts, TheInfoIsAtTheStatementThatSetTheValue) {
  entry(1).auth = policy::AuthType::Spire;
  world_.add(Direction::Egress, false, {label("app", "a")}, {port(Protocol::Tcp, 80)}).auth =
      policy::AuthType::Disabled;
  const auto found = check();
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_EQ(world_.sources.file_line(found[0].node), "policy.yaml:54");
  EXPECT_EQ(world_.sources.file_line(found[0].infos.at(0).node), "policy.yaml:53");
}

TEST_F(Conflicts, AuthenticationWithoutPortsMeetsOnAllPorts) {
  for (const std::size_t i : {0U, 1U}) {
    entry(i).has_l4 = false;
    entry(i).l4.clear();
  }
  entry(0).auth = policy::AuthType::Spire;
  entry(1).auth = policy::AuthType::AlwaysFail;
  const auto found = check();
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_EQ(found[0].node, entry(1).origin.node);
}

TEST_F(Conflicts, TwoTlsContexts) {
  policy::TlsContext tls;
  tls.secret_name.value = "one";
  ports(0).terminating_tls = tls;
  EXPECT_THAT(check(), IsEmpty());
  ports(1).terminating_tls = tls;
  EXPECT_THAT(check(), IsEmpty());
  ports(1).terminating_tls->secret_name.value = "two";
  expect_one(diag::Id::ConflictingTls, "terminatingTLS");
  ports(1).terminating_tls.reset();
  ports(0).originating_tls = tls;
  ports(1).originating_tls = tls;
  ports(1).originating_tls->certificate.value = "x";
  expect_one(diag::Id::ConflictingTls, "originatingTLS");
}

TEST_F(Conflicts, ServerNamesMeetL7RulesWithoutTermination) {
  policy::L7Rules http;
  http.http.emplace().emplace_back();
  ports(0).parser = Parser::Tls;
  ports(0).server_names = {"example.org"};
  ports(1).parser = Parser::Http;
  ports(1).rules = http;
  expect_one(diag::Id::ConflictingServerNames, "serverNames");
  std::swap(ports(0).parser, ports(1).parser);
  std::swap(ports(0).server_names, ports(1).server_names);
  std::swap(ports(0).rules, ports(1).rules);
  expect_one(diag::Id::ConflictingServerNames, "serverNames");
  ports(0).terminating_tls = policy::TlsContext{};
  EXPECT_THAT(check(), IsEmpty());
}

TEST_F(Conflicts, OneMistakeIsReportedOnceForAllSubjects) {
  ports(0).parser = Parser::Http;
  ports(1).parser = Parser::Kafka;
  (void)world_.build();
  (void)world_.build();
  EXPECT_THAT(world_.diagnostics.all(), SizeIs(1));
}

}  // namespace
}  // namespace policyc::ir
