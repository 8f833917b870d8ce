// What yaml-cpp accepts or drops without a word, and the limits. Rendered forms are in
// testdata/manifest.

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/manifest/reading.h"

namespace policyc::manifest {
namespace {

using diag::Id;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

void expect_refused(const std::string& text, Id id) {
  const Reading reading = read(text);
  EXPECT_THAT(reading.ids(), ElementsAre(id)) << text << "\n" << reading.rendered();
  EXPECT_THAT(reading.documents, IsEmpty()) << text;
}

void expect_body_refused(const std::string& body, Id id) {
  expect_refused(std::string(kHead) + body, id);
}

TEST(Holes, UnterminatedQuotes) {
  for (const char* body :
       {"x: 'a", "x: 'a\n", "x: \"a", "x: \"a\\\"", "x: 'a''", "x: [\"a]", "'x", "x: {a: 'b}\n"}) {
    expect_body_refused(body, Id::UnterminatedQuote);
  }
}

TEST(Holes, InvalidUtf8IsNotReplaced) {
  for (const char* body : {"x: \xff\n", "# \xc3\n", "x: \xed\xa0\x80\n", "x: \xc0\x80\n"})
    expect_body_refused(body, Id::InvalidUtf8);
}

TEST(Holes, CharactersThatEndTheInputForSomeReaders) {
  expect_body_refused(std::string("x: a\0b\n", 8), Id::InvalidCharacter);
  expect_body_refused("x: a\x04y: b\n", Id::InvalidCharacter);
  expect_body_refused("x: \"\x7f\"\n", Id::InvalidCharacter);
}

TEST(Holes, OneDocumentEndsWhereTheNextSeparatorStands) {
  expect_refused("- a\nb: c\n", Id::MissingSeparator);
  expect_refused("[a]\n[b]\n", Id::MissingSeparator);
  expect_body_refused("...\nmore: text\n", Id::MissingSeparator);
}

TEST(Holes, ABrokenDocumentLeavesTheOthers) {
  const std::string good(kHead);
  const Reading reading = read(good + "---\na: 'b\n---\n" + good + "---\na: [\n---\n" + good);
  EXPECT_EQ(reading.documents.size(), 3U) << reading.rendered();
  EXPECT_THAT(reading.ids(), ElementsAre(Id::UnterminatedQuote, Id::YamlSyntax));
}

TEST(Holes, ValuesThatAreNotIndented) {
  expect_body_refused("x:\nk\n", Id::YamlSyntax);
  expect_body_refused("x:\n\"k\"\n", Id::YamlSyntax);
  expect_body_refused("x:\n[k]\n", Id::YamlSyntax);
  expect_body_refused("x:\n  k:\n  &a z\n", Id::YamlSyntax);
  expect_body_refused("x: &a k\nz:\n*a\n", Id::YamlSyntax);
}

TEST(Holes, LastLineWithoutAColon) {
  expect_body_refused("x", Id::YamlSyntax);
  expect_body_refused("x: 1\n\"k\"\n", Id::YamlSyntax);
}

TEST(Holes, EmptyItemsBetweenCommas) {
  expect_body_refused("x: [,a]\n", Id::YamlSyntax);
  expect_body_refused("x: [a,,b]\n", Id::YamlSyntax);
}

TEST(Holes, TabsDoNotIndent) {
  for (const char* body :
       {"x:\n\tk: 1\n", "x:\n \tk: 1\n", "x:\n- k: 1\n\tz: 2\n", "x:\n  k: 1\n\t\n",
        "x:\n-\tk: 1\n", "x:\n  k: 1\n\t# comment\nz: 1\n"}) {
    expect_body_refused(body, Id::TabIndentation);
  }
}

TEST(Holes, TabsElsewhereAreFine) {
  EXPECT_EQ(dump_x(read_body("x:\t{\"a\":\t1,\n\t\"b\": 2}\t# comment\n")), "{a: 1, b: 2}");
  EXPECT_EQ(dump_x(read_body("x: \"a\tb\"\n")), "\"a\tb\"");
  EXPECT_EQ(dump_x(read_body("x: |\n  a\tb\n")), "\"a\tb\\n\"");
}

TEST(Holes, DuplicateKeys) {
  expect_body_refused("kind: Y\n", Id::DuplicateKey);
  expect_body_refused("x: {a: 1, \"a\": 2}\n", Id::DuplicateKey);
  const Reading three = read_body("x: {a: 1, a: 2, a: 3}\n");
  EXPECT_THAT(three.ids(), ElementsAre(Id::DuplicateKey, Id::DuplicateKey));
  EXPECT_EQ(three.diagnostics.all()[1].infos[0].node, three.diagnostics.all()[0].infos[0].node);
}

TEST(Holes, DuplicateKeysInALargeMapping) {
  std::string body = "x:\n";
  for (int i = 0; i < 100; ++i) body += "  k" + std::to_string(i) + ": 1\n";
  expect_body_refused(body + "  k57: 2\n", Id::DuplicateKey);
  EXPECT_THAT(read_body(body).ids(), IsEmpty());
}

TEST(Holes, Aliases) {
  EXPECT_EQ(dump_x(read_body("a: &n {b: [c]}\nx: [*n, *n]\n")), "[{b: [\"c\"]}, {b: [\"c\"]}]");
  EXPECT_EQ(dump_x(read_body("a: {b: [&n 5, &m {c: d}]}\nx: [*n, *m]\n")), "[5, {c: \"d\"}]");
  EXPECT_EQ(dump_x(read_body("a: &n one\nb: &n two\nx: *n\n")), "\"two\"");
  EXPECT_EQ(dump_x(read_body("x: {a: &n [1], b: {c: *n}}\n")), "{a: [1], b: {c: [1]}}");
  EXPECT_EQ(dump_x(read_body("&k a: 1\nx: {*k : 2}\n")), "{a: 2}");
  EXPECT_EQ(dump_x(read_body("a: &n\nx: [*n]\n")), "[null]");
  EXPECT_EQ(dump_x(read_body("a: &n !!str 5\nx: {*n : *n}\n")), "{5: \"5\"}");
  expect_body_refused("x: &n {a: *n}\n", Id::RecursiveAlias);
  expect_body_refused("x: [*n]\n", Id::UnknownAnchor);
}

TEST(Holes, AnchorsDoNotReachIntoTheNextDocument) {
  const Reading reading = read_body("a: &n 1\n---\n" + std::string(kHead) + "x: *n\n");
  EXPECT_THAT(reading.ids(), ElementsAre(Id::UnknownAnchor));
  EXPECT_EQ(reading.documents.size(), 1U);
}

TEST(Holes, AliasesHaveABudget) {
  Limits limits;
  limits.max_alias_nodes = 10;
  EXPECT_THAT(read_body("a: &n [1, 2, 3, 4]\nx: [*n, *n]\n", limits).ids(), IsEmpty());
  EXPECT_THAT(read_body("a: &n [1, 2, 3, 4]\nx: [*n, *n, *n]\n", limits).ids(),
              ElementsAre(Id::AliasExpansion));
  const std::string text(4000, 't');
  EXPECT_THAT(read_body("a: &n " + text + "\nx: [*n]\n", limits).ids(),
              ElementsAre(Id::AliasExpansion));
}

TEST(Holes, DepthHasALimitAlsoThroughAliases) {
  Limits limits;
  limits.max_depth = 4;
  EXPECT_THAT(read_body("x: [[[1]]]\n", limits).ids(), IsEmpty());
  EXPECT_THAT(read_body("x: [[[[1]]]]\n", limits).ids(), ElementsAre(Id::NestingTooDeep));
  EXPECT_THAT(read_body("a: &n [[1]]\nx: [*n]\n", limits).ids(), IsEmpty());
  EXPECT_THAT(read_body("a: &n [[1]]\nx: [[*n]]\n", limits).ids(), ElementsAre(Id::NestingTooDeep));
}

TEST(Holes, DepthBeyondTheParsersOwnLimit) {
  Limits limits;
  limits.max_depth = 100'000;
  const Reading reading =
      read_body("x:\n " + std::string(3000, '[') + "1" + std::string(3000, ']') + "\n", limits);
  EXPECT_THAT(reading.ids(), ElementsAre(Id::NestingTooDeep)) << reading.rendered();
}

TEST(Holes, SizesHaveLimits) {
  Limits limits;
  limits.max_scalar_bytes = 10;
  EXPECT_THAT(read_body("x: 1234567890\n", limits).ids(), IsEmpty());
  EXPECT_THAT(read_body("x: 12345678901\n", limits).ids(), ElementsAre(Id::ScalarTooLarge));
  limits = {};
  limits.max_nodes = 5;
  EXPECT_THAT(read_body("x: [1, 2]\n", limits).ids(), ElementsAre(Id::TooManyNodes));
  limits = {};
  limits.max_file_bytes = kHead.size();
  EXPECT_THAT(read_body("", limits).ids(), IsEmpty());
  EXPECT_THAT(read_body("#", limits).ids(), ElementsAre(Id::FileTooLarge));
}

TEST(Holes, Tags) {
  for (const char* value : {"!!binary aGk=", "!foo a", "! a", "!!set {a}", "!!map a",
                            "!!seq {a: 1}", "!!str {a: 1}", "!e!x a"}) {
    const Reading reading = read_body(std::string("x: ") + value + "\n");
    EXPECT_TRUE(reading.diagnostics.has_errors()) << value;
    EXPECT_THAT(reading.documents, IsEmpty()) << value;
  }
  EXPECT_EQ(dump_x(read_body("x: !!map {a: !!seq [b]}\n")), "{a: [\"b\"]}");
}

TEST(Holes, Directives) {
  expect_refused("%YAML 1.1\n", Id::UnsupportedDirective);
  expect_refused("%TAG ! tag:yaml.org,2002:\nx: !str 5\n", Id::UnsupportedDirective);
  expect_refused("# comment\n%FOO bar\n", Id::UnsupportedDirective);
}

TEST(Holes, StopsAtTheGivenNumberOfErrors) {
  Reading reading;
  reading.diagnostics = diag::Engine(5);
  std::string text(kHead);
  for (int i = 0; i < 100; ++i) text += "kind: X\n";
  for (int i = 0; i < 100; ++i) text += "---\na: [\n";
  reading.file = reading.sources.add_file("input.yaml", text);
  EXPECT_THAT(read_documents(reading.sources, reading.file, reading.diagnostics), IsEmpty());
  EXPECT_EQ(reading.diagnostics.all().size(), 5U);
}

TEST(Holes, WarnsAboutAHundredConvertedKeysAtMost) {
  std::string body = "x:\n";
  for (int i = 1; i <= 300; ++i) body += "  0x" + std::to_string(i) + ": 1\n";
  const Reading reading = read_body(body);
  EXPECT_EQ(reading.diagnostics.all().size(), 100U);
  EXPECT_EQ(reading.documents.size(), 1U);
}

}  // namespace
}  // namespace policyc::manifest
