// Whatever the text, reading it ends, and a mistake has its place.
#include <gtest/gtest.h>

#include "compiler/testlang/reader.h"
#include "tests/fuzz/dice.h"

namespace policyc::testlang {
namespace {

const std::vector<std::string> kPieces = {
    "allow",    "deny",      " ",        "->",
    ":",        "app=web",   "443/tcp",  "http",
    "GET",      "\"/v1\"",   "\n",       "world",
    "(",        ")",         "[",        "]",
    ",",        "!",         "=",        "!=",
    "in",       "notin",     "policies", "suite",
    "via",      "rule",      "\"",       "\\",
    "#",        "\x01",      "\xff",     "\xe2\x82\xac",
    "10.0.0.1", "::/0",      "pod",      "any",
    "name",     "k8s:app",   "redirect", "*",
    "-",        ">",         "\r\n",     "as",
    "entity",   "a/b/c",     "dns",      "99999999999999999999/tcp",
    "\\\n",     "\"\\x00\"", "\t"};

void expect_sane(const std::string& text) {
  const auto found = read(text);
  if (found) return;
  EXPECT_GE(found.error().span.begin.line, 1U);
  EXPECT_GE(found.error().span.begin.column, 1U);
  EXPECT_FALSE(found.error().message.empty());
  EXPECT_EQ(found.error().message.find('\n'), std::string::npos);
}

TEST(Hostile, RandomPieces) {
  fuzz::Dice dice(3);
  for (int round = 0; round < 4000; ++round) {
    std::string text;
    const std::size_t length = dice.below(24);
    for (std::size_t i = 0; i < length; ++i)
      text += dice.pick(kPieces) + (dice.one_in(2) ? " " : "");
    expect_sane(text);
  }
}

TEST(Hostile, MutatedSuites) {
  const std::string good =
      "policies: [\"a\", \"b\"]\nsuite \"s\"\nallow ns=shop,app in (a, b) -> world(10.0.0.1) : "
      "80-90/tcp, udp "
      "http GET \"/x\" header \"a: b\" via rule \"P/a/b\" as \"n\"\ndeny pod a/b -> name \"c\" via "
      "default deny\n";
  ASSERT_TRUE(read(good)) << read(good).error().to_string();
  fuzz::Dice dice(4);
  for (int round = 0; round < 3000; ++round) {
    std::string text = good;
    for (std::size_t edits = 1 + dice.below(3); edits > 0; --edits) {
      const std::size_t at = dice.below(text.size());
      if (dice.one_in(3)) {
        text.erase(at, 1 + dice.below(5));
      } else if (dice.one_in(2)) {
        text[at] = static_cast<char>(dice.below(256));
      } else {
        text.insert(at, dice.pick(kPieces));
      }
      if (text.empty()) break;
    }
    expect_sane(text);
  }
}

TEST(Hostile, LongTexts) {
  expect_sane(std::string(kMaxBytes + 1, 'a'));
  expect_sane(std::string(300'000, '('));
  expect_sane(std::string(300'000, '!'));
  expect_sane("allow " + std::string(300'000, 'a') + " -> b");
  expect_sane("policies: [" + std::string(300'000, '\n'));
  std::string many = "allow a";
  for (int i = 0; i < 60'000; ++i) many += ",a";
  expect_sane(many + " -> b");
}

}  // namespace
}  // namespace policyc::testlang
