#include "compiler/policy/predicate.h"

#include <gtest/gtest.h>

namespace policyc::policy {
namespace {

Selector parsed(std::string_view text) { return parse_selector(text).value(); }

TEST(Predicate, MatchesWhatAnyOfItsSelectorsMatches) {
  LabelSet web;
  web.add({"k8s", "app", "web"});
  EXPECT_TRUE((Predicate{{parsed("k8s:app=db"), parsed("any:app=web")}}.matches(web)));
  EXPECT_FALSE((Predicate{{parsed("k8s:app=db"), parsed("!any:app")}}.matches(web)));
  EXPECT_TRUE((Predicate{parsed("*")}.matches(web)));
  EXPECT_FALSE(Predicate{}.matches(web));
}

TEST(Predicate, OrderAndRepetitionDoNotChangeWhatItIs) {
  const Selector a = parsed("any:app=db|web");
  const Selector b = parsed("cidr:10.0.0.0/8");
  EXPECT_EQ((Predicate{{a, b, a}}.serialise()), (Predicate{{b, a}}.serialise()));
  EXPECT_EQ((Predicate{{b, a}}.serialise()), "any:app=db|web | cidr:10.0.0.0/8");
  EXPECT_NE(Predicate{a}.serialise(), Predicate{b}.serialise());
}

TEST(Predicate, ReadsWellWhenLong) {
  EXPECT_EQ(Predicate{}.to_string(), "nothing");
  EXPECT_EQ((Predicate{{parsed("k8s:a=1"), parsed("cidr:10.0.0.0/8")}}.to_string()),
            "k8s:a=1 or cidr 10.0.0.0/8");
  const Predicate many{std::vector<Selector>(10'000, parsed("k8s:a=1"))};
  EXPECT_EQ(many.to_string(), "k8s:a=1 or k8s:a=1 or k8s:a=1 or k8s:a=1 or 9996 more");
}

}  // namespace
}  // namespace policyc::policy
