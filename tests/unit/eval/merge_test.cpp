// Two rules about one selector and port (spec section 6.4).

#include "compiler/eval/merge.h"

#include <gtest/gtest.h>

namespace policyc::eval {
namespace {

using policy::AuthType;
using policy::Parser;

PeerPolicy with(Parser parser, std::size_t rules = 0) {
  PeerPolicy out;
  out.parser = parser;
  out.priority = policy::parser_priority(parser);
  out.l7.rules = rules;
  if (parser == Parser::Generic) out.generic_parser = "r2d2";
  return out;
}

PeerPolicy denial() {
  PeerPolicy out;
  out.deny = true;
  return out;
}

TEST(Merge, DenyReplacesAllow) {
  PeerPolicy allow = with(Parser::Http, 1);
  EXPECT_EQ(merge(allow, denial()), "");
  EXPECT_TRUE(allow.deny);
  EXPECT_EQ(merge(allow, with(Parser::Kafka, 1)), "");
  EXPECT_TRUE(allow.deny);
}

TEST(Merge, ParsersConflictUnlessOneIsTls) {
  for (const auto& [a, b] : {std::pair(Parser::Http, Parser::Kafka),
                             {Parser::Http, Parser::Dns},
                             {Parser::Tls, Parser::Dns},
                             {Parser::Tls, Parser::Crd},
                             {Parser::Generic, Parser::Http}}) {
    PeerPolicy existing = with(a, 1);
    EXPECT_NE(merge(existing, with(b, 1)), "");
  }
  PeerPolicy tls = with(Parser::Tls);
  EXPECT_EQ(merge(tls, with(Parser::Http)), "");
  EXPECT_EQ(tls.parser, Parser::Http);
  EXPECT_EQ(tls.priority, policy::parser_priority(Parser::Http));
  EXPECT_EQ(merge(tls, with(Parser::Tls)), "");
  EXPECT_EQ(tls.parser, Parser::Http);
  PeerPolicy generic = with(Parser::Generic);
  PeerPolicy other = with(Parser::Generic);
  other.generic_parser = "cassandra";
  EXPECT_EQ(merge(generic, other), "cannot merge conflicting L7 parsers (cassandra/r2d2)");
}

TEST(Merge, ARuleWithoutL7OpensL7) {
  PeerPolicy http = with(Parser::Http, 1);
  EXPECT_FALSE(http.l7.unrestricted());
  EXPECT_EQ(merge(http, with(Parser::Http, 2)), "");
  EXPECT_FALSE(http.l7.unrestricted());
  EXPECT_EQ(merge(http, with(Parser::None)), "");
  EXPECT_TRUE(http.l7.unrestricted());
  EXPECT_EQ(http.parser, Parser::Http);
}

TEST(Merge, ServerNamesAreUnitedAndStayARestriction) {
  PeerPolicy plain;
  PeerPolicy restricted = with(Parser::Tls);
  restricted.server_names = {"a.com"};
  EXPECT_EQ(merge(plain, restricted), "");
  EXPECT_EQ(plain.server_names, std::set<std::string>{"a.com"});
  EXPECT_NE(merge(plain, with(Parser::Http, 1)), "");  // L7 rules need TLS termination
}

TEST(Merge, AuthenticationMustAgree) {
  PeerPolicy none;
  PeerPolicy required;
  required.auth = AuthType::Spire;
  PeerPolicy disabled;
  disabled.auth = AuthType::Disabled;
  EXPECT_EQ(merge(none, required), "");
  EXPECT_EQ(none.auth, AuthType::Spire);
  EXPECT_EQ(merge(none, PeerPolicy{}), "");
  EXPECT_EQ(none.auth, AuthType::Spire);
  EXPECT_EQ(merge(none, disabled),
            "cannot merge conflicting authentication types (disabled/spire)");
}

TEST(Merge, TheStrongerListenerWins) {
  PeerPolicy weak = with(Parser::Crd);
  weak.listener = "a/c/l1";
  PeerPolicy strong = weak;
  strong.listener = "a/c/l2";
  EXPECT_NE(merge(weak, strong), "");
  strong.priority = 10;
  EXPECT_EQ(merge(weak, strong), "");
  EXPECT_EQ(weak.listener, "a/c/l2");
  EXPECT_EQ(weak.priority, 10);
}

TEST(Merge, TlsContextsMustAgree) {
  policy::TlsContext one;
  one.secret_name.value = "one";
  policy::TlsContext two;
  two.secret_name.value = "two";
  const policy::TlsContext same = one;
  for (auto member : {&PeerPolicy::terminating_tls, &PeerPolicy::originating_tls}) {
    PeerPolicy existing = with(Parser::Tls);
    PeerPolicy added = with(Parser::Tls);
    added.*member = &one;
    EXPECT_EQ(merge(existing, added), "");
    added.*member = &same;
    EXPECT_EQ(merge(existing, added), "");
    added.*member = &two;
    EXPECT_NE(merge(existing, added), "");
  }
}

}  // namespace
}  // namespace policyc::eval
