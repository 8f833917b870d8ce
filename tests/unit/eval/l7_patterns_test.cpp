// DNS patterns, server names and HTTP rules (spec sections 7.1, 7.3, 7.5).

#include <gtest/gtest.h>

#include "compiler/policy/l7/dns_pattern.h"
#include "compiler/policy/l7/http_rule.h"
#include "compiler/policy/l7/sni_pattern.h"

namespace policyc::policy::l7 {
namespace {

struct NameCase {
  std::string pattern, name;
  bool matches;
};

TEST(DnsPattern, InRules) {
  for (const auto& [pattern, name, matches] :
       std::vector<NameCase>{{"*", "anything.at.all", true},
                             {"*", ".", true},
                             {"*", "odd!name", true},
                             {"**", "a.b", true},
                             {"*.cilium.io", "a.cilium.io", true},
                             {"*.cilium.io", "A.CILIUM.io.", true},
                             {"*.cilium.io", "a.b.cilium.io", false},
                             {"*.cilium.io", "cilium.io", false},
                             {"**.cilium.io", "a.b.cilium.io", true},
                             {"**.cilium.io", "cilium.io", false},
                             {"***.cilium.io", "a.b.cilium.io", true},
                             {"**cilium.io", "a.b.cilium.io", false},
                             {"**cilium.io", "xcilium.io", true},
                             {"www.**.io", "www.a.io", true},
                             {"www.**.io", "www.a.b.io", false},
                             {"a.*.b", "a..b", true},
                             {"a.*.b", "a.x.b", true},
                             {"a.*.b", "a.x.y.b", false},
                             {"*.io", "x!.io", false},
                             {"Foo.IO", "foo.io", true},
                             {"foo.io.", "foo.io", true},
                             {"foo.io", "fooxio", false}}) {
    EXPECT_EQ(DnsPattern::from_pattern(pattern, DnsPatternUse::Rule).matches(name), matches)
        << pattern << " " << name;
  }
}

TEST(DnsPattern, InToFqdnsStarNeedsValidLabels) {
  const auto star = DnsPattern::from_pattern("*", DnsPatternUse::Fqdn);
  EXPECT_TRUE(star.matches("a.b_c.d-e"));
  EXPECT_TRUE(star.matches("."));
  EXPECT_FALSE(star.matches("odd!name"));
}

TEST(DnsPattern, OfAName) {
  EXPECT_TRUE(DnsPattern::from_name("Foo.com").matches("foo.COM."));
  EXPECT_FALSE(DnsPattern::from_name("foo.com").matches("a.foo.com"));
  EXPECT_FALSE(DnsPattern::from_name("foo.com").matches("fooxcom"));
}

TEST(SniPattern, MatchesLabelByLabel) {
  for (const auto& [pattern, name, matches] : std::vector<NameCase>{{"a.com", "A.com", true},
                                                                    {"a.com", "b.com", false},
                                                                    {"a.com", "", false},
                                                                    {"*", "any.name", true},
                                                                    {"*", "", false},
                                                                    {"*.x.io", "a.x.io", true},
                                                                    {"*.x.io", "a.b.x.io", false},
                                                                    {"**.x.io", "a.b.x.io", true},
                                                                    {"**.x.io", "x.io", false},
                                                                    {"w*.x.io", "web.x.io", true},
                                                                    {"w*.x.io", "x.x.io", false},
                                                                    {"a.com", "axcom", false}}) {
    EXPECT_EQ(SniPattern(pattern).matches(name), matches) << pattern << " " << name;
  }
}

TEST(SniPattern, ThatEnvoyRefusesMatchesNothing) {
  for (const std::string pattern : {"", "a.com.", "a..com", ".com"}) {
    EXPECT_FALSE(SniPattern(pattern).valid()) << pattern;
    EXPECT_FALSE(SniPattern(pattern).matches("a.com"));
  }
}

HttpRequest request(const std::string& method, const std::string& path,
                    const std::string& host = "h") {
  return {method, path, host, {}};
}

TEST(HttpMatcher, MatchesWholeFields) {
  HttpRule rule;
  rule.method.value = "GET";
  rule.path.value = "/public|/p/.*";
  const HttpMatcher matcher(rule);
  EXPECT_TRUE(matcher.matches(request("GET", "/public")));
  EXPECT_TRUE(matcher.matches(request("GET", "/p/x?y=1")));
  EXPECT_FALSE(matcher.matches(request("GET", "/public?x=1")));
  EXPECT_FALSE(matcher.matches(request("GETX", "/public")));
  EXPECT_FALSE(matcher.matches(request("get", "/public")));
}

TEST(HttpMatcher, WithoutFieldsMatchesEverything) {
  EXPECT_TRUE(HttpMatcher(HttpRule{}).matches(request("POST", "/x")));
}

TEST(HttpMatcher, InvalidExpressionNeverMatches) {
  HttpRule rule;
  rule.host.value = "(";
  EXPECT_FALSE(HttpMatcher(rule).matches(request("GET", "/", "(")));
}

TEST(HttpMatcher, Headers) {
  HttpRule rule;
  rule.headers = {{"X-Tok: a b", {}}, {"X-Any", {}}, {"X-Empty: ", {}}};
  HttpRequest good = request("GET", "/");
  good.headers = {{"x-tok", "a b"}, {"X-ANY", ""}, {"X-Empty", "whatever"}};
  EXPECT_TRUE(HttpMatcher(rule).matches(good));
  for (std::size_t i = 0; i < good.headers.size(); ++i) {
    HttpRequest missing = good;
    missing.headers.erase(missing.headers.begin() + static_cast<std::ptrdiff_t>(i));
    EXPECT_FALSE(HttpMatcher(rule).matches(missing)) << i;
  }
  good.headers.emplace_back("X-Tok", "c");  // lines are joined: "a b,c"
  EXPECT_FALSE(HttpMatcher(rule).matches(good));
}

TEST(HttpMatcher, HeaderMatches) {
  HttpRequest with_value = request("GET", "/");
  with_value.headers = {{"X", "w"}};
  const auto matches = [&](const HeaderMatch& match) {
    HttpRule rule;
    rule.header_matches = {match};
    return HttpMatcher(rule).matches(with_value);
  };
  HeaderMatch match;
  match.name.value = "X";
  EXPECT_TRUE(matches(match));  // presence
  match.value.value = "v";
  EXPECT_FALSE(matches(match));
  match.mismatch.value = "REPLACE";
  EXPECT_TRUE(matches(match));
  match.value.value.clear();
  match.has_secret = true;
  EXPECT_FALSE(matches(match));  // a secret that is not known
}

}  // namespace
}  // namespace policyc::policy::l7
