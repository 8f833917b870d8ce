// Large inputs. Each would take minutes, or all memory, if something took quadratic time; the
// test's time limit is the judge.

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/manifest/reading.h"

namespace policyc::manifest {
namespace {

using diag::Id;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::string repeat(std::string_view text, std::size_t count) {
  std::string out;
  out.reserve(text.size() * count);
  for (std::size_t i = 0; i < count; ++i) out += text;
  return out;
}

TEST(Size, ManyKeys) {
  std::string body = "x:\n";
  for (int i = 0; i < 100'000; ++i) body += "  k" + std::to_string(i) + ": v\n";
  const Reading reading = read_body(body);
  ASSERT_EQ(reading.documents.size(), 1U) << reading.rendered();
  EXPECT_EQ(reading.documents[0].root.find("x")->members.size(), 100'000U);
}

TEST(Size, ManyEqualKeys) {
  const Reading reading = read_body("x:\n" + repeat("  k: v\n", 100'000));
  EXPECT_TRUE(reading.diagnostics.exhausted());
  EXPECT_EQ(reading.diagnostics.all().size(), 1000U);
  EXPECT_FALSE(reading.rendered().empty());
}

TEST(Size, ManyAnchorsAndAliases) {
  std::string body = "x:\n";
  for (int i = 0; i < 30'000; ++i)
    body += "- &a" + std::to_string(i) + " [1]\n- *a" + std::to_string(i) + "\n";
  const Reading reading = read_body(body);
  ASSERT_EQ(reading.documents.size(), 1U) << reading.rendered();
  EXPECT_EQ(reading.documents[0].root.find("x")->items.size(), 60'000U);
}

TEST(Size, AnchorsAroundEachOther) {
  std::string body = "x: ";
  for (int i = 0; i < 60; ++i) body += "&a" + std::to_string(i) + " [";
  body += repeat("1, ", 100'000) + "1" + repeat("]", 60);
  EXPECT_THAT(read_body(body + "\n").ids(), IsEmpty());
}

TEST(Size, MergesOfLargeMappings) {
  std::string keys;
  for (int i = 0; i < 20'000; ++i) keys += "  k" + std::to_string(i) + ": v\n";
  const Reading reading = read_body("a: &a\n" + keys + "x:\n  <<: *a\n" + keys);
  ASSERT_EQ(reading.documents.size(), 1U) << reading.rendered();
  EXPECT_EQ(reading.documents[0].root.find("x")->members.size(), 20'000U);
}

TEST(Size, DepthBombs) {
  EXPECT_TRUE(read(repeat("[", 100'000)).diagnostics.has_errors());
  EXPECT_TRUE(read(repeat("{", 100'000)).diagnostics.has_errors());
  EXPECT_TRUE(read(repeat("{a: ", 100'000)).diagnostics.has_errors());
  EXPECT_TRUE(read(repeat("[", 100'000) + repeat("]", 100'000)).diagnostics.has_errors());
  EXPECT_THAT(read(repeat("- ", 100'000) + "a").ids(), ElementsAre(Id::NestingTooDeep));
  EXPECT_TRUE(read(repeat("? ", 100'000)).diagnostics.has_errors());
  EXPECT_TRUE(read(repeat(": ", 100'000)).diagnostics.has_errors());
  std::string stairs;
  for (std::size_t i = 0; i < 2'000; ++i) stairs += repeat(" ", i) + "a:\n";
  EXPECT_THAT(read(stairs).ids(), ElementsAre(Id::NestingTooDeep));
}

TEST(Size, LargeScalars) {
  const std::string text(10'000'000, 't');
  EXPECT_THAT(read_body("x: " + text + "\n").ids(), ElementsAre(Id::ScalarTooLarge));
  EXPECT_THAT(read_body("x: \"" + text + "\"\n").ids(), ElementsAre(Id::ScalarTooLarge));
  EXPECT_THAT(read_body("x: |\n" + repeat("  text\n", 300'000)).ids(),
              ElementsAre(Id::ScalarTooLarge));
  EXPECT_THAT(read_body("x: a\n" + repeat("  text\n", 300'000)).ids(),
              ElementsAre(Id::ScalarTooLarge));
  EXPECT_THAT(read("# " + text).ids(), IsEmpty());
}

TEST(Size, ManyQuotesThatDoNotClose) {
  EXPECT_TRUE(read(repeat("a: \"", 100'001)).diagnostics.has_errors());
  EXPECT_TRUE(read(repeat("a: 'x\n", 100'001)).diagnostics.has_errors());
}

TEST(Size, OneLongLineOfJson) {
  std::string line = R"({"apiVersion":"v1","kind":"X","x":[)";
  for (int i = 0; i < 100'000; ++i) line += R"({"a":"b"},)";
  const Reading reading = read(line + "{}]}");
  ASSERT_EQ(reading.documents.size(), 1U) << reading.rendered();
  EXPECT_EQ(reading.documents[0].root.find("x")->items.size(), 100'001U);
}

TEST(Size, ManyDocuments) {
  EXPECT_EQ(read(repeat("apiVersion: v1\nkind: X\n---\n", 20'000)).documents.size(), 20'000U);
  EXPECT_EQ(read(repeat("{\"apiVersion\":\"v1\",\"kind\":\"X\"}\n", 20'000)).documents.size(),
            20'000U);
  EXPECT_THAT(read(repeat("---\n", 1'000'000)).ids(), IsEmpty());
}

TEST(Size, ManyBrokenDocuments) {
  const Reading reading = read(repeat("a: [\n---\n", 100'000));
  EXPECT_EQ(reading.diagnostics.all().size(), 1000U);
}

}  // namespace
}  // namespace policyc::manifest
