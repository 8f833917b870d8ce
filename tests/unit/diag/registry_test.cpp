#include <algorithm>
#include <set>
#include <string_view>

#include <gtest/gtest.h>

#include "compiler/diag/diag.h"

namespace policyc::diag {
namespace {

TEST(Registry, HasEveryNumberNameAndFlagOnce) {
  std::set<std::uint16_t> numbers;
  std::set<std::string_view> names;
  std::set<std::string_view> flags;
  for (const Registered& entry : registry()) {
    EXPECT_TRUE(numbers.insert(entry.number).second) << code(entry.id) << " is registered twice";
    EXPECT_TRUE(names.insert(entry.name).second) << entry.name << " is registered twice";
    EXPECT_TRUE(flags.insert(entry.flag).second) << "-W" << entry.flag << " is registered twice";
  }
  EXPECT_FALSE(numbers.empty());
}

TEST(Registry, NumbersAreInTheRangesOfTheFile) {
  for (const Registered& entry : registry()) {
    EXPECT_GE(entry.number, 100) << entry.name;
    EXPECT_LT(entry.number, 700) << entry.name;
  }
}

TEST(Registry, FlagsAreWordsJoinedByHyphens) {
  for (const Registered& entry : registry()) {
    const bool plain = std::ranges::all_of(entry.flag, [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
    });
    EXPECT_TRUE(plain && !entry.flag.empty() && !entry.flag.starts_with('-'))
        << entry.name << ": " << entry.flag;
  }
}

TEST(Registry, FindsEachEntryByItsId) {
  for (const Registered& entry : registry()) EXPECT_EQ(&registered(entry.id), &entry);
  EXPECT_EQ(registered(Id::UnknownField).flag, "unknown-field");
}

TEST(Registry, PrintsTheNumberWithFourDigits) { EXPECT_EQ(code(Id::InvalidUtf8), "PC0101"); }

}  // namespace
}  // namespace policyc::diag
