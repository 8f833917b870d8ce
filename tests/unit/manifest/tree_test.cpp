// Trees of correct YAML.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/manifest/reading.h"

namespace policyc::manifest {
namespace {

using ::testing::IsEmpty;

void expect_x(const std::string& body, const std::string& json) {
  const Reading reading = read_body(body);
  EXPECT_EQ(dump_x(reading), json) << body << "\n" << reading.rendered();
  EXPECT_THAT(reading.ids(), IsEmpty()) << reading.rendered();
}

TEST(Tree, BlockCollections) {
  expect_x("x:\n- a\n- b: c\n  d:\n  - e\n", "[\"a\", {b: \"c\", d: [\"e\"]}]");
  expect_x("x:\n  - - a\n    - b\n  -\n    - c\n", "[[\"a\", \"b\"], [\"c\"]]");
  expect_x("x:\n  a:\n    b: 1\n  c: 2\nz: 3\n", "{a: {b: 1}, c: 2}");
}

TEST(Tree, FlowCollections) {
  expect_x("x: {a: [b, {c: d}], e: }\n", "{a: [\"b\", {c: \"d\"}], e: null}");
  expect_x("x: [a, b,]\n", "[\"a\", \"b\"]");
  expect_x("x: {a, b: 1}\n", "{a: null, b: 1}");
  expect_x("x: [a: b, c]\n", "[{a: \"b\"}, \"c\"]");
  expect_x("x: {\"a\":1,\"b\":[]}\n", "{a: 1, b: []}");
  expect_x("x: [\n\n# comment\n]\n", "[]");
}

TEST(Tree, NullsBesideKeysThatLookLikeThem) {
  expect_x("x:\n  a:\n  null x: 1\n", "{a: null, null x: 1}");
  expect_x("x:\n  a:\n  nullable: 1\n", "{a: null, nullable: 1}");
  expect_x("x: {a: null, b: ~}\n", "{a: null, b: null}");
  expect_x("x: [null, Null , NULL]\n", "[null, null, null]");
}

TEST(Tree, ScalarsOverSeveralLines) {
  expect_x("x: a\n  b\n\n  c\n", "\"a b\\nc\"");
  expect_x("x: \"a\n\n  b \\\n  c\"\n", "\"a\\nb c\"");
  expect_x("x: 'a\n  b'\n", "\"a b\"");
  expect_x("x: |\n  a\n   b\n\n  # text\n", "\"a\\n b\\n\\n# text\\n\"");
}

TEST(Tree, BlockScalarsThatYamlCppReadsWrongly) {
  expect_x("x: >+\n  a\n\nz: 1\n", "\"a\\n\\n\"");
  expect_x("x:\n  &a |1\n   b\n", "\"  b\\n\"");
}

TEST(Tree, Urls) {
  expect_x("x: http://example.com:80/a?b=c#d\n", "\"http://example.com:80/a?b=c#d\"");
  expect_x("x: [a:b, \"c:d\"]\n", "[\"a:b\", \"c:d\"]");
  expect_x("x: {k8s:app: web}\n", "{k8s:app: \"web\"}");
}

TEST(Tree, FindsMembers) {
  const Reading reading = read_body("x: {a: 1}\n");
  const Node& root = reading.documents.at(0).root;
  EXPECT_EQ(root.find("y"), nullptr);
  EXPECT_EQ(root.find("x")->find("a")->text, "1");
  EXPECT_EQ(root.find_member("kind")->value.text, "X");
  EXPECT_EQ(root.find("kind")->find("a"), nullptr);
}

TEST(Tree, Merges) {
  expect_x("a: &a {b: 1, c: 2}\nx: {<<: *a, c: 3}\n", "{b: 1, c: 3}");
  expect_x("a: &a {b: 1}\nc: &c {b: 2, d: 3}\nx: {<<: [*a, *c]}\n", "{b: 1, d: 3}");
  expect_x("a: &a {b: 1}\nc: &c {<<: *a, d: 2}\nx:\n  <<: *c\n  e: 3\n", "{b: 1, d: 2, e: 3}");
  expect_x("x: [{<<: {a: 1}}]\n", "[{a: 1}]");
  expect_x("a: &a {b: 1}\nx: {c: 2, <<: *a}\n", "{c: 2, b: 1}");
  expect_x("x: {\"<<\": 1}\n", "{<<: 1}");
}

TEST(Tree, TypeNames) {
  const Reading reading = read_body("x: [a, 1, 1.5, yes, ~, [], {}]\n");
  std::string names;
  for (const Node& item : reading.documents.at(0).root.find("x")->items)
    names += std::string(type_name(item)) + " ";
  EXPECT_EQ(names, "string integer number boolean null sequence mapping ");
}

}  // namespace
}  // namespace policyc::manifest
