#include "compiler/policy/selector.h"

#include <gtest/gtest.h>

namespace policyc::policy {
namespace {

LabelSet labels_of(std::initializer_list<Label> list) {
  LabelSet labels;
  for (const Label& label : list) labels.add(label);
  return labels;
}

Selector of(std::vector<Requirement> requirements) { return {std::move(requirements), "text"}; }

const LabelSet kWeb = labels_of({{"k8s", "app", "web"}, {"reserved", "host", ""}});

TEST(Requirement, ComparesSourceKeyAndValue) {
  EXPECT_TRUE((Requirement{"k8s", "app", Operator::In, {"db", "web"}}.matches(kWeb)));
  EXPECT_TRUE((Requirement{"any", "app", Operator::In, {"web"}}.matches(kWeb)));
  EXPECT_FALSE((Requirement{"reserved", "app", Operator::In, {"web"}}.matches(kWeb)));
  EXPECT_FALSE((Requirement{"k8s", "app", Operator::In, {"db"}}.matches(kWeb)));
  EXPECT_FALSE((Requirement{"k8s", "app", Operator::NotIn, {"web"}}.matches(kWeb)));
  EXPECT_TRUE((Requirement{"k8s", "tier", Operator::NotIn, {"web"}}.matches(kWeb)));
  EXPECT_TRUE((Requirement{"any", "host", Operator::Exists, {}}.matches(kWeb)));
  EXPECT_FALSE((Requirement{"any", "host", Operator::DoesNotExist, {}}.matches(kWeb)));
  EXPECT_TRUE((Requirement{"k8s", "host", Operator::DoesNotExist, {}}.matches(kWeb)));
}

TEST(Requirement, CidrMatchesEveryPrefixInside) {
  const LabelSet inside = labels_of({{"cidr", "10.1.0.0/16", ""}, {"reserved", "world", ""}});
  EXPECT_TRUE((Requirement{"cidr", "10.0.0.0/8", Operator::Exists, {}}.matches(inside)));
  EXPECT_TRUE((Requirement{"cidr", "10.1.0.0/16", Operator::Exists, {}}.matches(inside)));
  EXPECT_FALSE((Requirement{"cidr", "10.1.1.0/24", Operator::Exists, {}}.matches(inside)));
  EXPECT_FALSE((Requirement{"cidr", "10.0.0.0/8", Operator::DoesNotExist, {}}.matches(inside)));
  EXPECT_FALSE((Requirement{"cidr", "2001-db8--0/32", Operator::Exists, {}}.matches(inside)));
}

TEST(Requirement, CidrGroupsMayGiveOneKeySeveralValues) {
  const LabelSet shared = labels_of({{"cidrgroup", "env", "prod"},
                                     {"cidrgroup", cidr_group_value_key("env", "prod"), ""},
                                     {"cidrgroup", cidr_group_value_key("env", "dev"), ""}});
  EXPECT_TRUE((Requirement{"cidrgroup", "env", Operator::In, {"dev"}}.matches(shared)));
  EXPECT_TRUE((Requirement{"cidrgroup", "env", Operator::In, {"prod"}}.matches(shared)));
  EXPECT_FALSE((Requirement{"cidrgroup", "env", Operator::In, {"test"}}.matches(shared)));
  EXPECT_FALSE((Requirement{"cidrgroup", "env", Operator::NotIn, {"dev"}}.matches(shared)));
  EXPECT_TRUE((Requirement{"cidrgroup", "env", Operator::Exists, {}}.matches(shared)));
}

TEST(Selector, IsAConjunctionAndMatchesEverythingWhenEmpty) {
  const Requirement app{"k8s", "app", Operator::Exists, {}};
  const Requirement other{"k8s", "tier", Operator::Exists, {}};
  EXPECT_TRUE(of({app}).matches(kWeb));
  EXPECT_FALSE(of({app, other}).matches(kWeb));
  EXPECT_TRUE(wildcard_selector().matches(kWeb));
  EXPECT_TRUE(wildcard_selector().matches_everything());
}

TEST(Selector, ReadsWell) {
  EXPECT_EQ(wildcard_selector().to_string(), "everything");
  EXPECT_EQ(of({{"k8s", "app", Operator::In, {"web"}}, {"any", "tier", Operator::In, {"a", "b"}}})
                .to_string(),
            "k8s:app=web, any:tier in (a, b)");
  EXPECT_EQ(of({{"k8s", "x", Operator::NotIn, {"a"}}, {"k8s", "y", Operator::DoesNotExist, {}}})
                .to_string(),
            "k8s:x not in (a), !k8s:y");
  EXPECT_EQ(of({{"cidr", "10.0.0.0/8", Operator::Exists, {}},
                {"cidr", "10.1.0.0/16", Operator::DoesNotExist, {}}})
                .to_string(),
            "cidr 10.0.0.0/8 except 10.1.0.0/16");
  EXPECT_EQ(of({{"reserved", "host", Operator::In, {""}}}).to_string(), "reserved:host");
  EXPECT_EQ(of({{"fqdn", "*.x.io", Operator::Exists, {}}}).to_string(), "fqdn *.x.io");
  EXPECT_EQ(
      of({{"cidrgroup", "io.cilium.policy.cidrgroupname/g", Operator::Exists, {}}}).to_string(),
      "cidrGroup g");
}

TEST(Selector, SerialisesAndParsesBack) {
  const std::vector<Selector> selectors = {
      wildcard_selector(),
      of({{"k8s", "app", Operator::In, {"db", "web"}}}),
      of({{"reserved", "host", Operator::In, {""}}}),
      of({{"any", "x", Operator::NotIn, {"a|b", "c&d"}}, {"k8s", "y=z!", Operator::Exists, {}}}),
      of({{"cidr", "10.0.0.0/8", Operator::Exists, {}},
          {"cidr", "2001-db8--0/32", Operator::DoesNotExist, {}}}),
      of({{"fqdn", "*.ex:ample.com", Operator::Exists, {}},
          {"k8s", "caf\xc3\xa9", Operator::DoesNotExist, {}}}),
  };
  for (const Selector& selector : selectors) {
    const auto parsed = parse_selector(selector.serialise());
    ASSERT_TRUE(parsed) << selector.serialise();
    std::vector<Requirement> sorted = selector.requirements;
    std::sort(sorted.begin(), sorted.end());
    EXPECT_EQ(parsed->requirements, sorted) << selector.serialise();
    EXPECT_EQ(parsed->serialise(), selector.serialise());
  }
}

TEST(Selector, SerialisesEqualMeaningAlike) {
  const Requirement a{"k8s", "a", Operator::Exists, {}};
  const Requirement b{"k8s", "b", Operator::Exists, {}};
  EXPECT_EQ(of({a, b, a}).serialise(), of({b, a}).serialise());
}

TEST(ParseSelector, RefusesWhatSerialiseNeverWrites) {
  for (const std::string text : {"", "app", "k8s:a=b|a", "k8s:a=b|b", "!k8s:a=b", "k8s:a%4",
                                 "k8s:a%zz", "k8s:a b", "k8s:a&"}) {
    EXPECT_FALSE(parse_selector(text)) << text;
  }
}

}  // namespace
}  // namespace policyc::policy
