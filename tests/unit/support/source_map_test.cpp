#include <gtest/gtest.h>

#include "compiler/source/source.h"

namespace policyc::source {
namespace {

TEST(SourceMap, KeepsFiles) {
  SourceMap sources;
  const FileId a = sources.add_file("a.yaml", "one");
  const FileId b = sources.add_file("b.yaml", "two");
  EXPECT_EQ(sources.file_count(), 2U);
  EXPECT_EQ(sources.name(a), "a.yaml");
  EXPECT_EQ(sources.text(b), "two");
}

TEST(SourceMap, TextStaysWhereItIs) {
  SourceMap sources;
  const FileId first = sources.add_file("a", "text");
  const std::string* text = &sources.text(first);
  for (int i = 0; i < 1000; ++i) sources.add_file("b", "x");
  EXPECT_EQ(text, &sources.text(first));
}

TEST(SourceMap, GivesLinesWithoutTheirEnds) {
  SourceMap sources;
  const FileId file = sources.add_file("a", "one\ntwo\r\n\nfour");
  EXPECT_EQ(sources.line_text(file, 1), "one");
  EXPECT_EQ(sources.line_text(file, 2), "two");
  EXPECT_EQ(sources.line_text(file, 3), "");
  EXPECT_EQ(sources.line_text(file, 4), "four");
  EXPECT_EQ(sources.line_text(file, 5), "");
  EXPECT_EQ(sources.line_text(file, 0), "");
}

TEST(SourceMap, HasALineAfterTheLastLineBreak) {
  SourceMap sources;
  const FileId file = sources.add_file("a", "one\n");
  EXPECT_EQ(sources.line_text(file, 2), "");
  const FileId empty = sources.add_file("b", "");
  EXPECT_EQ(sources.line_text(empty, 1), "");
}

TEST(SourceMap, NamesPlaces) {
  SourceMap sources;
  const FileId file = sources.add_file("a.yaml", "one\ntwo\n");
  const NodeId node = sources.add_node({file, {2, 3}, {2, 4}});
  EXPECT_EQ(sources.file_line(node), "a.yaml:2");
  EXPECT_EQ(sources.file_line_column(node), "a.yaml:2:3");
  EXPECT_EQ(sources.range(node).end.column, 4U);
  EXPECT_EQ(sources.file_line(NodeId{}), "<unknown>");
  EXPECT_EQ(sources.file_line_column(NodeId{}), "<unknown>");
}

TEST(Located, ComparesTheValueOnly) {
  EXPECT_EQ((Located<int>{1, NodeId{1}}), (Located<int>{1, NodeId{2}}));
  EXPECT_NE((Located<int>{1, NodeId{1}}), (Located<int>{2, NodeId{1}}));
}

}  // namespace
}  // namespace policyc::source
