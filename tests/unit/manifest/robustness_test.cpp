// Files cut and changed at every byte: reading must end, never crash, and say why when it gives
// less than before.

#include <array>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/golden.h"
#include "tests/unit/manifest/reading.h"

namespace policyc::manifest {
namespace {

constexpr std::size_t kMaxInput =
    1000;  // larger samples are cut: the work is quadratic in the size

std::vector<std::string> samples() {
  std::vector<std::string> result;
  for (const auto& golden : testing::golden_cases("manifest")) {
    result.push_back(testing::read_file(golden.folder / "input.yaml").substr(0, kMaxInput));
  }
  return result;
}

bool in_range(const Reading& reading, source::NodeId node) {
  if (!node.valid()) return true;
  const source::Range& range = reading.sources.range(node);
  return range.begin <= range.end && range.begin.line >= 1 && range.begin.column >= 1;
}

bool ranges_are_ordered(const Reading& reading, const Node& node) {
  if (!in_range(reading, node.id)) return false;
  for (const Node& item : node.items) {
    if (!ranges_are_ordered(reading, item)) return false;
  }
  for (const Member& member : node.members) {
    if (!in_range(reading, member.key_id) || !ranges_are_ordered(reading, member.value))
      return false;
  }
  return true;
}

// Everything that must hold of any input.
void check(const std::string& text) {
  Limits limits;
  limits.max_alias_nodes = 1000;  // keeps the alias bomb among the samples short
  const Reading reading = read(text, limits);
  const std::string rendered = reading.rendered();
  EXPECT_EQ(rendered.empty(), reading.diagnostics.all().empty()) << ::testing::PrintToString(text);
  for (const auto& diagnostic : reading.diagnostics.all()) {
    EXPECT_TRUE(in_range(reading, diagnostic.node)) << ::testing::PrintToString(text);
    EXPECT_FALSE(diagnostic.message.empty());
  }
  for (const Document& document : reading.documents) {
    EXPECT_TRUE(document.root.is_mapping());
    EXPECT_FALSE(document.kind.value.empty());
    EXPECT_TRUE(ranges_are_ordered(reading, document.root)) << ::testing::PrintToString(text);
  }
}

TEST(Robustness, FilesCutAtEveryByte) {
  ASSERT_FALSE(samples().empty());
  for (const std::string& sample : samples()) {
    for (std::size_t size = 0; size <= sample.size(); ++size) check(sample.substr(0, size));
  }
}

TEST(Robustness, EveryByteReplacedByPunctuation) {
  constexpr std::string_view kBytes = "\n\t:-?[]{},#&*!|>'\"%@`\\~ .x0\xff";
  for (const std::string& sample : samples()) {
    for (std::size_t i = 0; i < sample.size(); ++i) {
      std::string changed = sample;
      changed[i] = kBytes[(i * 7 + sample.size()) % kBytes.size()];
      check(changed);
    }
  }
}

TEST(Robustness, RandomPiecesJoined) {
  constexpr std::array kPieces{
      "a: b",   "- ",        "\n",   "  ",    "\n  ",     ": ",    "? ",   "\"q\"", "'s'",
      "|\n",    ">-\n  t\n", "[",    "]",     "{",        "}",     ",",    "&x ",   "*x",
      "!!str ", "!t ",       "<<: ", "---\n", "...\n",    "%YAML", "#c\n", "null",  "~",
      "\t",     "\r\n",      "\"",   "'",     "\xc3\xa9", "0x1f"};
  std::mt19937 random(20240607);  // fixed: a failure must come back
  for (int round = 0; round < 20'000; ++round) {
    std::string text = round % 2 == 0 ? std::string(kHead) + "x:" : std::string();
    const auto count = random() % 12;
    for (unsigned i = 0; i < count; ++i) text += kPieces[random() % kPieces.size()];
    check(text);
  }
}

// A document of which half is missing must not pass for a whole one, unless the cut is between two
// lines.
TEST(Robustness, AValueCutInTheMiddleIsNotedOrComplete) {
  const std::string text = std::string(kHead) + "x: {a: [\"one\", 'two'], b: {c: \"d\"}}\n";
  const std::size_t first = text.find('{') + 1;
  const std::size_t last = text.rfind('}');
  for (std::size_t size = first; size <= last; ++size) {
    const Reading reading = read(text.substr(0, size));
    EXPECT_TRUE(reading.diagnostics.has_errors()) << text.substr(0, size);
    EXPECT_TRUE(reading.documents.empty()) << text.substr(0, size);
  }
}

}  // namespace
}  // namespace policyc::manifest
