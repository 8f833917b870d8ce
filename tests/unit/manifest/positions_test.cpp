// Begin and end of keys, scalars and collections.

#include <string>

#include <gtest/gtest.h>

#include "tests/unit/manifest/reading.h"

namespace policyc::manifest {
namespace {

// The ranges of key and value of the member `x`, which starts on line 3.
struct Ranges {
  std::string key;
  std::string value;
};

Ranges ranges_of_x(const std::string& body) {
  const Reading reading = read_body(body);
  EXPECT_EQ(reading.documents.size(), 1U) << body << "\n" << reading.rendered();
  if (reading.documents.size() != 1) return {};
  const Member* x = reading.documents[0].root.find_member("x");
  EXPECT_NE(x, nullptr) << body;
  return x == nullptr ? Ranges{} : Ranges{reading.range(x->key_id), reading.range(x->value.id)};
}

void expect_value(const std::string& body, const std::string& range) {
  EXPECT_EQ(ranges_of_x(body).value, range) << body;
}

TEST(Positions, Keys) {
  EXPECT_EQ(ranges_of_x("x: 1\n").key, "3:1-3:2");
  EXPECT_EQ(ranges_of_x("\"x\": 1\n").key, "3:1-3:4");
  EXPECT_EQ(ranges_of_x("'x' : 1\n").key, "3:1-3:4");
  EXPECT_EQ(ranges_of_x("? x\n: 1\n").key, "3:3-3:4");
  EXPECT_EQ(ranges_of_x("&a x: 1\n").key, "3:4-3:5");
}

TEST(Positions, PlainScalars) {
  expect_value("x: abc\n", "3:4-3:7");
  expect_value("x:    abc   # comment\n", "3:7-3:10");
  expect_value("x: a b\n", "3:4-3:7");
  expect_value("x: a\n  b\n\n  c\n", "3:4-6:4");
  expect_value("x: abc", "3:4-3:7");
  expect_value("x: ~\n", "3:4-3:5");
  expect_value("x: null\n", "3:4-3:8");
  expect_value("x:\n  # comment\n  - abc\n", "5:3-5:4");
}

TEST(Positions, QuotedScalarsIncludeTheirQuotes) {
  expect_value("x: \"a\\\"b\"\n", "3:4-3:10");
  expect_value("x: 'it''s'\n", "3:4-3:11");
  expect_value("x: ''\n", "3:4-3:6");
  expect_value("x: \"a\n  b\"\n", "3:4-4:5");
  expect_value("x: 'a'  # 'b'\n", "3:4-3:7");
}

TEST(Positions, BlockScalarsEndAfterTheirLastLine) {
  expect_value("x: |\n  a\n  bc\n\n", "3:4-5:5");
  expect_value("x: >-  # comment\n  a\ny: 1\n", "3:4-4:4");
  expect_value("x: |2\n    a\n", "3:4-4:6");
  expect_value("x: |\ny: 1\n", "3:4-3:5");
}

TEST(Positions, ColumnsCountCodePoints) {
  expect_value("\xc3\xa9: 1\nx: \"\xc3\xa9\xe2\x82\xac\"\n", "4:4-4:8");
}

TEST(Positions, PropertiesAreNotPartOfAScalar) {
  expect_value("x: !!str 12\n", "3:10-3:12");
  expect_value("x: &a !!str 12\n", "3:13-3:15");
  expect_value("x: !!str\n  12\n", "4:3-4:5");
  expect_value("x: !!str\n", "3:4-3:9");
}

TEST(Positions, AbsentValuesAreThePointAfterTheirMark) {
  expect_value("x:\n", "3:3-3:3");
  expect_value("x:   # comment\ny: 1\n", "3:3-3:3");
  expect_value("x:\nnullable: 1\n", "3:3-3:3");
  expect_value("x: {}\ny:", "3:4-3:6");
}

TEST(Positions, AbsentItems) {
  const Reading reading = read_body("x:\n-\n-   # comment\n- null\n- ~\n");
  ASSERT_EQ(reading.documents.size(), 1U) << reading.rendered();
  const Node* x = reading.documents[0].root.find("x");
  ASSERT_EQ(x->items.size(), 4U);
  EXPECT_EQ(reading.range(x->items[0].id), "4:2-4:2");
  EXPECT_EQ(reading.range(x->items[1].id), "5:2-5:2");
  EXPECT_EQ(reading.range(x->items[2].id), "6:3-6:7");
  EXPECT_EQ(reading.range(x->items[3].id), "7:3-7:4");
}

TEST(Positions, FlowCollectionsReachToTheirBracket) {
  expect_value("x: [a, b]\n", "3:4-3:10");
  expect_value("x: {a: [b], c: }\n", "3:4-3:17");
  expect_value("x: [\n  a, # comment ]\n  ]\n", "3:4-5:4");
  expect_value("x: []\n", "3:4-3:6");
}

TEST(Positions, BlockCollectionsAreTheirFirstToken) {
  expect_value("x:\n  abc: 1\n  d: 2\n", "4:3-4:6");
  expect_value("x:\n  \"abc\": 1\n", "4:3-4:8");
  expect_value("x:\n  - abc\n", "4:3-4:4");
  expect_value("x:\n- abc\n", "4:1-4:2");
}

TEST(Positions, AliasesStandWhereTheyAreWritten) {
  const Reading reading = read_body("a: &n [b]\nx: *n\n");
  ASSERT_EQ(reading.documents.size(), 1U) << reading.rendered();
  const Node* x = reading.documents[0].root.find("x");
  EXPECT_EQ(reading.range(x->id), "4:4-4:6");
  EXPECT_EQ(reading.range(x->items[0].id), "3:8-3:9");
}

TEST(Positions, OfTheDocumentsNames) {
  const Reading reading =
      read("---\napiVersion: v1\nkind: X\nmetadata:\n  name: abc\n  namespace: \"d\"\n");
  ASSERT_EQ(reading.documents.size(), 1U) << reading.rendered();
  const Document& document = reading.documents[0];
  EXPECT_EQ(reading.range(document.api_version.node), "2:13-2:15");
  EXPECT_EQ(reading.range(document.kind.node), "3:7-3:8");
  EXPECT_EQ(reading.range(document.name.node), "5:9-5:12");
  EXPECT_EQ(reading.range(document.namespace_.node), "6:14-6:17");
}

TEST(Positions, WithCarriageReturnsAndByteOrderMark) {
  const Reading reading = read(
      "\xef\xbb\xbf"
      "apiVersion: v1\r\nkind: X\r\nx: abc\r\n");
  ASSERT_EQ(reading.documents.size(), 1U) << reading.rendered();
  EXPECT_EQ(reading.range(reading.documents[0].root.find("apiVersion")->id), "1:13-1:15");
  EXPECT_EQ(reading.range(reading.documents[0].root.find("x")->id), "3:4-3:7");
}

TEST(Positions, InALongLine) {
  std::string line = "{\"apiVersion\": \"v1\", \"kind\": \"X\", \"x\": [";
  for (int i = 0; i < 1000; ++i) line += "\"\xc3\xa9\xc3\xa9\", ";
  const Reading reading = read(line + "1]}");
  ASSERT_EQ(reading.documents.size(), 1U) << reading.rendered();
  const Node* x = reading.documents[0].root.find("x");
  EXPECT_EQ(reading.range(x->items[0].id), "1:41-1:45");
  EXPECT_EQ(reading.range(x->items[999].id), "1:6035-1:6039");
  EXPECT_EQ(reading.range(x->id), "1:40-1:6043");
}

}  // namespace
}  // namespace policyc::manifest
