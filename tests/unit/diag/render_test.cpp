#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "compiler/diag/diag.h"

namespace policyc::diag {
namespace {

using source::FileId;
using source::NodeId;
using source::Position;

class Render : public ::testing::Test {
 protected:
  FileId add(std::string text, std::string name = "db.yaml") {
    return sources_.add_file(std::move(name), std::move(text));
  }
  NodeId node(FileId file, Position begin, Position end) {
    return sources_.add_node({file, begin, end});
  }
  [[nodiscard]] std::string rendered() const { return render_text(sources_, engine_); }

  source::SourceMap sources_;
  Engine engine_;
};

TEST_F(Render, ShowsPlaceMessageFlagRangeAndHelp) {
  const FileId file = add("ports:\n- prot: TCP\n");
  engine_.report(Id::UnknownField, node(file, {2, 3}, {2, 7}), "unknown field `prot`").help =
      "did you mean `port`?";
  EXPECT_EQ(rendered(), R"(db.yaml:2:3: error: unknown field `prot` [PC0103 -Wunknown-field]
    2 | - prot: TCP
      |   ^~~~
  help: did you mean `port`?
)");
}

TEST_F(Render, ShowsInfosWithTheirOwnLine) {
  const FileId file = add("a: 1\nb: 2\na: 3\n");
  auto& diagnostic =
      engine_.report(Id::DuplicateKey, node(file, {3, 1}, {3, 2}), "key `a` is given twice");
  diagnostic.infos.push_back({node(file, {1, 1}, {1, 5}), "first given here"});
  diagnostic.infos.push_back({NodeId{}, "without a place"});
  EXPECT_EQ(rendered(), R"(db.yaml:3:1: error: key `a` is given twice [PC0108 -Wduplicate-key]
    3 | a: 3
      | ^
    1 | a: 1
      | ---- info: first given here
  info: without a place
)");
}

TEST_F(Render, NamesTheFileOfAnInfoInAnotherFile) {
  const FileId first = add("a: 1\n");
  const FileId second = add("b: 2\n", "other.yaml");
  engine_.report(Id::DuplicateKey, node(first, {1, 1}, {1, 2}), "twice")
      .infos.push_back({node(second, {1, 4}, {1, 5}), "the other one"});
  EXPECT_EQ(rendered(), R"(db.yaml:1:1: error: twice [PC0108 -Wduplicate-key]
    1 | a: 1
      | ^
  other.yaml:1:4:
    1 | b: 2
      |    - info: the other one
)");
}

TEST_F(Render, SaysWhoRefusesTheDocument) {
  const FileId file = add("a\n");
  engine_.report(Id::UnknownField, node(file, {1, 1}, {1, 2}), "one").refused_by =
      RefusedBy::ApiServer;
  engine_.report(Id::UnknownField, node(file, {1, 1}, {1, 2}), "two").refused_by = RefusedBy::Agent;
  EXPECT_EQ(rendered(), R"(db.yaml:1:1: error: one [PC0103 -Wunknown-field]
    1 | a
      | ^
  note: the API server refuses this document
db.yaml:1:1: error: two [PC0103 -Wunknown-field]
    1 | a
      | ^
  note: the Cilium agent refuses this policy
)");
}

TEST_F(Render, NeedsNoPlace) {
  const FileId file = add("");
  engine_.report_file(Id::FileTooLarge, file, "file is too large");
  engine_.report(Id::ConvertedKey, NodeId{}, "nowhere");
  EXPECT_EQ(rendered(), R"(db.yaml: error: file is too large [PC0104 -Wfile-too-large]
warning: nowhere [PC0128 -Wconverted-key]
)");
}

TEST_F(Render, CountsColumnsInCodePointsAndShowsATabAsOneSpace) {
  const FileId file = add("\t\xc3\xa9\tx: \xf0\x9f\x98\x80 y\n");
  engine_.report(Id::UnknownField, node(file, {1, 7}, {1, 8}), "smile");
  EXPECT_EQ(rendered(),
            "db.yaml:1:7: error: smile [PC0103 -Wunknown-field]\n"
            "    1 |  \xc3\xa9 x: \xf0\x9f\x98\x80 y\n"
            "      |       ^\n");
}

TEST_F(Render, HidesControlCharactersAndInvalidBytes) {
  const FileId file = add("a\x1b[2Jb\xff: x\r\n", "evil\x1b.yaml");
  engine_.report(Id::UnknownField, node(file, {1, 7}, {1, 8}), "text \x07 with\nline").help =
      "\x1b[0m";
  EXPECT_EQ(rendered(), R"(evil?.yaml:1:7: error: text ? with?line [PC0103 -Wunknown-field]
    1 | a?[2Jb?: x
      |       ^
  help: ?[0m
)");
}

TEST_F(Render, IgnoresAByteOrderMarkInColumns) {
  const FileId file = add("\xef\xbb\xbfkey: 1\n");
  engine_.report(Id::UnknownField, node(file, {1, 1}, {1, 4}), "m");
  EXPECT_EQ(rendered(), R"(db.yaml:1:1: error: m [PC0103 -Wunknown-field]
    1 | key: 1
      | ^~~
)");
}

TEST_F(Render, MarksAPointAndTheEndOfALine) {
  const FileId file = add("key:\n\n");
  engine_.report(Id::UnknownField, node(file, {1, 5}, {1, 5}), "after the end");
  engine_.report(Id::UnknownField, node(file, {2, 1}, {2, 1}), "empty line");
  engine_.report(Id::UnknownField, node(file, {9, 3}, {9, 4}), "no such line");
  EXPECT_EQ(rendered(), R"(db.yaml:1:5: error: after the end [PC0103 -Wunknown-field]
    1 | key:
      |     ^
db.yaml:2:1: error: empty line [PC0103 -Wunknown-field]
    2 |
      | ^
db.yaml:9:3: error: no such line [PC0103 -Wunknown-field]
    9 |
      | ^
)");
}

TEST_F(Render, MarksTheFirstLineOfARangeOverSeveral) {
  const FileId file = add("text: |\n  one\n  two\n");
  engine_.report(Id::UnknownField, node(file, {2, 3}, {3, 6}), "m");
  EXPECT_EQ(rendered(), R"(db.yaml:2:3: error: m [PC0103 -Wunknown-field]
    2 |   one
      |   ^~~
)");
}

TEST_F(Render, KeepsTheMarginForLargeLineNumbers) {
  const FileId file = add(std::string(1234567, '\n') + "x");
  engine_.report(Id::UnknownField, node(file, {1234568, 1}, {1234568, 2}), "m");
  EXPECT_EQ(rendered(), R"(db.yaml:1234568:1: error: m [PC0103 -Wunknown-field]
1234568 | x
        | ^
)");
}

TEST_F(Render, CutsALongLineAroundTheRange) {
  const FileId file = add(std::string(200, 'a') + "KEY" + std::string(200, 'b') + "\n");
  engine_.report(Id::UnknownField, node(file, {1, 201}, {1, 204}), "m");
  EXPECT_EQ(rendered(),
            "db.yaml:1:201: error: m [PC0103 -Wunknown-field]\n"
            "    1 | ..." +
                std::string(40, 'a') + "KEY" + std::string(57, 'b') + "...\n" + "      |    " +
                std::string(40, ' ') + "^~~\n");
}

TEST_F(Render, CutsARangeThatIsLongerThanWhatIsShown) {
  const FileId file = add(std::string(1000, 'a') + "\n");
  engine_.report(Id::UnknownField, node(file, {1, 1}, {1, 1001}), "m");
  EXPECT_EQ(rendered(),
            "db.yaml:1:1: error: m [PC0103 -Wunknown-field]\n"
            "    1 | " +
                std::string(100, 'a') + "...\n" + "      | ^" + std::string(99, '~') + "\n");
}

TEST_F(Render, CutsALongMessage) {
  engine_.report(Id::UnknownField, NodeId{}, std::string(100'000, 'm'));
  EXPECT_LT(rendered().size(), 5'000U);
}

// A thousand diagnostics at the end of a line of 10 MB: walking the line for each would look at 10
// GB.
TEST_F(Render, FindsColumnsOfAHugeLineOnce) {
  const std::size_t size = 10'000'000;
  const FileId file = add(std::string(size, 'x'));
  for (std::uint32_t i = 0; i < 1000; ++i) {
    const auto column = static_cast<std::uint32_t>(size) - 2 * i;
    engine_.report(Id::UnknownField, node(file, {1, column}, {1, column + 1}), "m");
  }
  const std::string text = rendered();
  EXPECT_LT(text.size(), 1'000'000U);
  EXPECT_NE(text.find("db.yaml:1:9999998: "), std::string::npos);
}

}  // namespace
}  // namespace policyc::diag
