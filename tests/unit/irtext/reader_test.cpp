#include "compiler/irtext/reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace policyc::irtext {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

const std::string kHead = "policyir 1 stage ranked\nendpoint \"e\"\npredicate p0 = \"any:app=a\"\n";
const std::string kTail = "egress open default allow\n";

std::string error_of(const std::string& text) {
  const auto result = read(text);
  return result ? "read" : result.error().message;
}

// The error of a document whose ingress has this line, the fifth.
std::string error_of_line(const std::string& line) {
  return error_of(kHead + "ingress enforced default deny\n" + line + "\n" + kTail);
}

TEST(Reader, IgnoresCommentsAndLineBreaks) {
  const auto result = read(
      "; a comment\npolicyir 1 stage ranked endpoint \"e\" ; another\n"
      "ingress open default allow egress open default allow");
  ASSERT_TRUE(result.has_value()) << result.error().message;
  EXPECT_EQ(result->subject, "e");
  EXPECT_EQ(result->stage, ir::Stage::Ranked);
}

TEST(Reader, ErrorsHaveLineAndColumn) {
  EXPECT_THAT(error_of(""), StartsWith("1:1: "));
  EXPECT_THAT(error_of("policyir 1 stage ranked\n  nonsense"), StartsWith("2:3: "));
  EXPECT_THAT(error_of_line("  rule 1: allow from p7 on any by \"x\""),
              ::testing::AllOf(StartsWith("5:22: "), HasSubstr("`p7`")));
}

TEST(Reader, RefusesWhatMeansNothing) {
  EXPECT_THAT(
      error_of("policyir 2 stage ranked endpoint \"e\" ingress open default allow " + kTail),
      HasSubstr("version 1"));
  EXPECT_THAT(error_of("policyir 1 stage baked endpoint \"e\" ingress open default allow " + kTail),
              HasSubstr("no stage"));
  EXPECT_THAT(error_of(kHead + kTail + "ingress open default allow"),
              HasSubstr("ingress stands first"));
  EXPECT_THAT(error_of_line("  rule 1: allow to p0 on any by \"x\""), HasSubstr("`from`"));
  EXPECT_THAT(error_of_line("  rule 1: allow from p0 on tcp/90-80 by \"x\""),
              HasSubstr("reversed"));
  EXPECT_THAT(error_of_line("  rule 1: allow from p0 on any/80 by \"x\""),
              HasSubstr("needs a protocol"));
  EXPECT_THAT(error_of_line("  rule 1: allow from p0 on tcp/\"http\" by \"x\""),
              HasSubstr("port name"));
  EXPECT_THAT(error_of_line("  rule 1: allow from p0 on tcp/* by \"x\""), HasSubstr("`*`"));
  EXPECT_THAT(error_of_line("  rule 1: allow from p0 on tcp/65536 by \"x\""),
              HasSubstr("too large"));
  EXPECT_THAT(error_of_line("  rule 99999999999999999999: allow from p0 on any by \"x\""),
              HasSubstr("too large"));
  EXPECT_THAT(error_of_line("  rule 1: allow from entity \"host\" on any by \"x\""),
              HasSubstr("no entity"));
  EXPECT_THAT(error_of_line("  rule 1: allow from p0 on tpc by \"x\""), HasSubstr("no protocol"));
  EXPECT_THAT(error_of_line("  rule 1: allow from p0 on any by \"\\x4\""), HasSubstr("escape"));
  EXPECT_THAT(error_of_line("  rule 1: allow from p0 on any by \"x\" at \"file\""),
              HasSubstr("file:line"));
  EXPECT_THAT(error_of_line("  form round"), HasSubstr("no form"));
  EXPECT_THAT(error_of("policyir 1 stage ranked endpoint \"e\" predicate p1 = \"*\" ingress open "
                       "default allow " +
                       kTail),
              HasSubstr("counted from p0"));
  EXPECT_THAT(error_of("policyir 1 stage ranked endpoint \"e\" predicate p0 = \"a=b\" ingress open "
                       "default allow " +
                       kTail),
              HasSubstr("no selector"));
}

TEST(Reader, EveryPortStandsInOneClass) {
  EXPECT_EQ(error_of_line("  class 0 = any, tcp/0-79 class 1 = tcp/80-65535"), "read");
  for (const char* classes :
       {"class 0 = tcp", "class 0 = any, tcp/0-79", "class 0 = any, tcp/1-65535",
        "class 0 = any, tcp/0-80 class 1 = tcp/80-65535", "class 0 = any, any", "class 0 = nothing",
        "class 0 = any, tcp/0-5, udp"}) {
    EXPECT_THAT(error_of_line(classes), HasSubstr("no class, or in two")) << classes;
  }
  EXPECT_THAT(error_of_line("  class 1 = any"), HasSubstr("counted from 0"));
  EXPECT_THAT(error_of_line("  class 0 = any -> 3"), HasSubstr("no rule"));
  EXPECT_THAT(error_of_line("  class 0 = any, tcp/0-79 class 1 = tcp/80-65535 -> default"),
              HasSubstr("or none does"));
}

TEST(Reader, LimitsHoldForHostileText) {
  EXPECT_THAT(error_of(std::string(kMaxBytes + 1, ' ')), HasSubstr("longer than"));
  std::string many;
  for (std::size_t i = 0; i <= kMaxTokens; ++i) many += "1 ";
  EXPECT_THAT(error_of(many), HasSubstr("words"));
  EXPECT_THAT(error_of("policyir \xff"), StartsWith("1:10: this is not UTF-8"));
  EXPECT_LT(error_of("policyir \"" + std::string(100'000, 'a') + "\"").size(), 400U)
      << "a message quotes no book";
  EXPECT_THAT(error_of(std::string("policyir \"a\0b\"", 14)), StartsWith("1:10: "));
}

}  // namespace
}  // namespace policyc::irtext
