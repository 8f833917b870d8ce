#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "compiler/ir/shape.h"
#include "runtime/abi/abi.h"
#include "tests/unit/ir/sample.h"

namespace policyc::ir {
namespace {

using ::testing::HasSubstr;
using testing::label;
using testing::RandomPolicy;

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from << " is not in " << text;
  return at == std::string::npos ? text : text.replace(at, from.size(), to);
}

// A shape with one of everything.
EndpointPolicy rich_policy() {
  EndpointPolicy policy;
  policy.subject = "web \"quoted\" \xc3\xa9";
  policy.predicates = {label("app", "a")};
  policy.predicates.emplace_back(
      policy::Selector{{{"k8s", "x", policy::Operator::NotIn, {"1", "2"}},
                        {"any", "y", policy::Operator::Exists, {}},
                        {"cidr", "10.0.0.0/8", policy::Operator::DoesNotExist, {}}},
                       "text"});
  auto& in = policy.directions[0];
  in.enforced = in.default_deny = true;
  in.default_deny_origins = {{"CiliumNetworkPolicy/ns/p", "spec.ingress[0]", "p.yaml", 3}};
  Rule rule;
  rule.id = 4;
  rule.verdict = Verdict::Redirect;
  rule.precedence = 154;
  rule.parser = "http";
  rule.peers = {0, 1};
  rule.ports = {{6, 80, 90}, {17, 0, 65535}, {}};
  rule.origin = {"CiliumNetworkPolicy/ns/p", "spec.ingress[0]", "p.yaml", 7};
  in.rules.push_back(rule);
  rule.id = 7;
  rule.verdict = Verdict::Allow;
  rule.any_peer = rule.auth_required = true;
  rule.peers.clear();
  in.rules.push_back(rule);
  return policy;
}

Result<Shape> read(const Shape& shape) {
  return shape_from(shape.abi_version, shape.hash, shape.documents);
}

// With `text` in the place of one document of a shape.
Result<Shape> read_with(Shape shape, std::string Documents::* which, std::string text) {
  shape.documents.*which = std::move(text);
  return read(shape);
}
constexpr std::string Documents::* kBoth[] = {&Documents::predicates, &Documents::rules};

TEST(ShapeJson, TextIsTakenBackExactly) {
  const Shape shape = make_shape(rich_policy());
  const auto back = read(shape);
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(to_json(*back), to_json(shape));
  EXPECT_EQ(back->hash, shape.hash);
  EXPECT_EQ(back->subject, shape.subject);
  ASSERT_EQ(back->predicates.size(), shape.predicates.size());
  for (std::size_t i = 0; i < shape.predicates.size(); ++i) {
    EXPECT_EQ(back->predicates[i], shape.predicates[i]);
  }
  for (std::size_t direction = 0; direction < 2; ++direction) {
    EXPECT_EQ(back->directions[direction].form, shape.directions[direction].form);
    EXPECT_EQ(back->directions[direction].rules, shape.directions[direction].rules);
    EXPECT_EQ(back->directions[direction].predicates, shape.directions[direction].predicates);
    EXPECT_EQ(back->directions[direction].default_deny_origins,
              shape.directions[direction].default_deny_origins);
  }
}

TEST(ShapeJson, RandomShapesComeBackWithEqualDecisions) {
  for (std::uint32_t seed = 0; seed < 60; ++seed) {
    RandomPolicy random(seed);
    const Shape shape = make_shape(random.policy(8, 4));
    const auto back = read(shape);
    ASSERT_TRUE(back) << back.error().message;
    for (int i = 0; i < 200; ++i) {
      const auto peer = testing::labels({{"app", std::to_string(random.below(5)).c_str()}});
      const std::size_t direction = random.below(2);
      const std::uint16_t port = random.port();
      ASSERT_EQ(back->decide(direction, peer, 6, port), shape.decide(direction, peer, 6, port));
    }
  }
}

TEST(ShapeJson, InvalidUtf8InNamesSurvivesAsReplacement) {
  auto policy = rich_policy();
  policy.directions[0].rules[0].origin.file = "p\xff.yaml";
  const Shape shape = make_shape(policy);
  const auto back = read(shape);
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(to_json(*back), to_json(shape));
}

TEST(ShapeJson, AnotherAbiIsNamed) {
  const Shape shape = make_shape(rich_policy());
  const auto back = shape_from(99, shape.hash, shape.documents);
  ASSERT_FALSE(back);
  EXPECT_THAT(back.error().message, HasSubstr("ABI version 99"));
}

TEST(ShapeJson, EveryTruncationIsRefused) {
  const Shape shape = make_shape(rich_policy());
  for (const auto which : kBoth) {
    const std::string& text = shape.documents.*which;
    for (std::size_t size = 0; size < text.size(); ++size)
      EXPECT_FALSE(read_with(shape, which, text.substr(0, size))) << size;
  }
}

TEST(ShapeJson, EveryChangedByteIsRefused) {
  const Shape shape = make_shape(rich_policy());
  for (const auto which : kBoth) {
    const std::string& text = shape.documents.*which;
    for (std::size_t i = 0; i < text.size(); ++i) {
      for (const char mask : {'\x01', '\x20'}) {
        std::string changed = text;
        changed[i] = static_cast<char>(changed[i] ^ mask);
        EXPECT_FALSE(read_with(shape, which, changed)) << i << ": " << changed;
      }
    }
  }
  std::string hash = shape.hash;
  for (char& digit : hash) {
    const char before = std::exchange(digit, digit == '0' ? '1' : '0');
    EXPECT_FALSE(shape_from(shape.abi_version, hash, shape.documents));
    digit = before;
  }
}

TEST(ShapeJson, AdditionsAndOtherSpellingsAreRefused) {
  const Shape shape = make_shape(rich_policy());
  const std::string rules = shape.documents.rules;
  for (const std::string& text : {rules + "\n", " " + rules, replaced(rules, "{", "{\"extra\":1,"),
                                  replaced(rules, "\"line\":3", "\"line\":3.0"),
                                  replaced(rules, "\"line\":3", "\"line\":4294967299"),
                                  replaced(rules, "\"peers\":\"any\"", "\"peers\":\"all\"")}) {
    EXPECT_FALSE(read_with(shape, &Documents::rules, text)) << text;
  }
  EXPECT_FALSE(read_with(shape, &Documents::predicates, shape.documents.predicates + "\n"));
}

// The same in one text, as the loader keeps it.
TEST(ShapeJson, OneTextIsTakenBackExactlyAndNothingElse) {
  const std::string text = to_json(make_shape(rich_policy()));
  const auto back = shape_from_json(text);
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(to_json(*back), text);
  for (std::size_t i = 0; i < text.size(); ++i) {
    EXPECT_FALSE(shape_from_json(text.substr(0, i))) << i;
    std::string changed = text;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_FALSE(shape_from_json(changed)) << i << ": " << changed;
  }
  EXPECT_FALSE(shape_from_json(text + "\n"));
  EXPECT_FALSE(shape_from_json(replaced(text, "{", "{\"extra\":1,")));
}

// Metadata with a correct hash that breaks what the rest relies on: the hash protects nothing from
// its own author.
struct Broken {
  const char* name;
  void (*change)(EndpointPolicy&);
};

TEST(ShapeJson, ConsistentNonsenseIsRefused) {
  const Broken kCases[] = {
      {"rule id 0", [](EndpointPolicy& p) { p.directions[0].rules[0].id = 0; }},
      {"rule id too large",
       [](EndpointPolicy& p) { p.directions[0].rules[0].id = kMaxRuleId + 1; }},
      {"rule id twice",
       [](EndpointPolicy& p) { p.directions[0].rules[0].id = p.directions[0].rules[1].id; }},
      {"ports of any protocol",
       [](EndpointPolicy& p) { p.directions[0].rules[0].ports[0] = {0, 80, 80}; }},
  };
  for (const Broken& broken : kCases) {
    auto policy = rich_policy();
    broken.change(policy);
    EXPECT_FALSE(read(make_shape(policy))) << broken.name;
  }
}

TEST(ShapeJson, WrongKindsAreRefused) {
  const Shape shape = make_shape(rich_policy());
  for (const auto which : kBoth) {
    for (const char* text : {"", "null", "[]", "{}", "1", "\"x\"", "{\"abiVersion\":1}", "\xff\xfe",
                             "{\"subject\":"}) {
      EXPECT_FALSE(read_with(shape, which, text)) << text;
    }
    EXPECT_FALSE(read_with(shape, which, std::string(100000, '[')));
  }
  const std::string rules = shape.documents.rules;
  for (const std::string& text :
       {replaced(rules, "[6,80,90]", "[6,90,80]"), replaced(rules, "[6,80,90]", "[6,80]"),
        replaced(rules, "\"peers\":[0,1]", "\"peers\":[0,2]"),
        replaced(rules, "\"peers\":[0,1]", "\"peers\":[0,-1]")}) {
    EXPECT_FALSE(read_with(shape, &Documents::rules, text)) << text;
  }
  EXPECT_FALSE(read_with(shape, &Documents::predicates,
                         replaced(shape.documents.predicates, "\"NotIn\"", "\"Within\"")));
}

}  // namespace
}  // namespace policyc::ir
