// Plain JSON is read without yaml-cpp: the trees are those that yaml-cpp gives.

#include <string>
#include <vector>

#include <gmock/gmock.h>

#include "compiler/manifest/document.h"

namespace policyc {
namespace {

struct Reading {
  std::vector<std::string> trees;  // each node with its place, kind, type and text
  std::string diagnostics;
};

std::string text_of(const source::SourceMap& sources, const manifest::Node& node) {
  const source::Range& range = sources.range(node.id);
  std::string text = std::to_string(range.begin.line) + ":" + std::to_string(range.begin.column) +
                     "-" + std::to_string(range.end.line) + ":" + std::to_string(range.end.column) +
                     " " + std::to_string(static_cast<int>(node.kind)) + " " +
                     std::to_string(static_cast<int>(node.type)) + " '" + node.text + "' (";
  for (const manifest::Node& item : node.items) text += text_of(sources, item) + ", ";
  for (const manifest::Member& member : node.members)
    text += member.key + " = " + text_of(sources, member.value) + ", ";
  return text + ")";
}

Reading read(const std::string& text) {
  source::SourceMap sources;
  diag::Engine diagnostics;
  const source::FileId file = sources.add_file("a.json", text);
  Reading reading;
  for (const manifest::Node& tree : manifest::read_trees(sources, file, diagnostics))
    reading.trees.push_back(text_of(sources, tree));
  reading.diagnostics = diag::render_text(sources, diagnostics);
  return reading;
}

// An escape of a code point is left to yaml-cpp, and so is all that stands in one file with it.
// Here it stands in an object of its own, at the end, and means what the other end says.
class PlainJson : public ::testing::TestWithParam<const char*> {};

TEST_P(PlainJson, IsReadAsYamlIs) {
  const std::string text = GetParam();
  Reading plain = read(text + "\n{\"e\": \"A\"     }\n");
  const Reading yaml = read(text + "\n{\"e\": \"\\u0041\"}\n");
  EXPECT_EQ(plain.trees.size(), yaml.trees.size());
  if (!plain.trees.empty() && !yaml.trees.empty()) {
    // The last one's text is longer in one of them.
    plain.trees.back() = yaml.trees.back();
  }
  EXPECT_EQ(plain.trees, yaml.trees);
  EXPECT_EQ(plain.diagnostics.empty(), yaml.diagnostics.empty())
      << plain.diagnostics << yaml.diagnostics;
}

INSTANTIATE_TEST_SUITE_P(
    Texts, PlainJson,
    ::testing::Values(R"({"a": 1, "b": [true, false, null, -1.5e3, 0, "x"], "c": {}, "d": []})",
                      R"({"a":"\"q\" \\ \/ \n","on":"yes","n":"1"})",
                      "{\"a\":\n  {\"b\": [1,\n 2]}}\n{\"c\": 3}", R"({"a": 1, "a": 2})",
                      R"({"a": 12345678901234567890, "b": 1e400})",
                      "{\"\xc3\xa4\": \"\xe2\x82\xac\"}", R"({"a": "x: y # z", "b-c/d": "- e"})",
                      R"({"a": "%", "b": "&c *d !e |", "f": "\t"})", R"({"a": nul})",
                      R"({"a": 01})", R"({"a": 1,})", R"({"a" 1})", R"({"a": 1)", R"({"a": 1} x)"));

TEST(PlainJsonText, ValuesAndPlaces) {
  const Reading reading = read("{\"a\": [1,\n \"x\"]}\n{\"b\": null}\n");
  ASSERT_EQ(reading.trees.size(), 2U) << reading.diagnostics;
  EXPECT_THAT(reading.trees[0], ::testing::StartsWith("1:1-2:7 2 "));
  EXPECT_THAT(reading.trees[0], ::testing::HasSubstr("2:2-2:5 0 4 'x'"));
  EXPECT_THAT(reading.trees[1], ::testing::HasSubstr("b = 3:7-3:11 0 0 "));
}

}  // namespace
}  // namespace policyc
