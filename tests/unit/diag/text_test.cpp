#include "compiler/diag/text.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "compiler/diag/diag.h"

namespace policyc::diag {
namespace {

using namespace std::string_view_literals;

TEST(Utf8Length, AcceptsWhatTheStandardDoes) {
  EXPECT_EQ(utf8_length("a"), 1U);
  EXPECT_EQ(utf8_length("\xc3\xa9"), 2U);          // U+00E9
  EXPECT_EQ(utf8_length("\xe2\x82\xac"), 3U);      // U+20AC
  EXPECT_EQ(utf8_length("\xed\x9f\xbf"), 3U);      // U+D7FF, the last before the surrogates
  EXPECT_EQ(utf8_length("\xf4\x8f\xbf\xbf"), 4U);  // U+10FFFF
}

TEST(Utf8Length, RefusesTheRest) {
  for (const auto text : {"\x80"sv, "\xc0\x80"sv, "\xc1\xbf"sv, "\xc3"sv, "\xc3("sv,
                          "\xe0\x9f\xbf"sv, "\xe2\x82"sv, "\xed\xa0\x80"sv, "\xf0\x8f\xbf\xbf"sv,
                          "\xf4\x90\x80\x80"sv, "\xf5\x80\x80\x80"sv, "\xf0\x9f\x98"sv, "\xff"sv}) {
    EXPECT_EQ(utf8_length(text), 0U) << ::testing::PrintToString(text);
  }
}

TEST(Quoted, PutsTextInBackticks) {
  EXPECT_EQ(quoted("prot"), "`prot`");
  EXPECT_EQ(quoted(""), "``");
  EXPECT_EQ(quoted("caf\xc3\xa9"), "`caf\xc3\xa9`");
}

TEST(Quoted, HidesWhatATerminalWouldAct) {
  EXPECT_EQ(quoted("a\x1b[31m\nb\tc\xff"), "`a?[31m?b c?`");
  EXPECT_EQ(quoted("a\xe2\x80\xae"
                   "b\xc2\x9b"),
            "`a?b?`");  // right-to-left override, C1 control
  EXPECT_EQ(quoted("nul\0nul"sv), "`nul?nul`");
}

TEST(Quoted, CutsAfterTheGivenNumberOfCodePoints) {
  EXPECT_EQ(quoted("\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9", 3), "`\xc3\xa9\xc3\xa9\xc3\xa9...`");
  EXPECT_EQ(quoted("abc", 3), "`abc`");
}

}  // namespace
}  // namespace policyc::diag
