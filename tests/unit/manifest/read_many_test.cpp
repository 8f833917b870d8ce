// Files read by several threads say what they say one after the other.
#include <gtest/gtest.h>

#include "compiler/manifest/document.h"

namespace policyc::manifest {
namespace {

struct Read {
  std::string text;  // of every node with its place, and of the diagnostics
  std::size_t documents = 0;
};

void write(const source::SourceMap& sources, const Node& node, std::string& out) {
  out += sources.file_line_column(node.id) + " " + node.text + "\n";
  for (const Node& item : node.items) write(sources, item, out);
  for (const Member& member : node.members) {
    out += sources.file_line_column(member.key_id) + " " + member.key + ": ";
    write(sources, member.value, out);
  }
}

std::vector<std::string> texts() {
  std::vector<std::string> out;
  for (int i = 0; i < 40; ++i) {
    const std::string name = "a" + std::to_string(i);
    std::string text;
    for (int copy = 0; copy <= i % 7; ++copy)
      text += "---\napiVersion: v1\nkind: Pod\nmetadata: {name: " + name + ", namespace: b}\n";
    if (i % 5 == 0) text += "---\nkind: Pod\n";
    if (i % 6 == 0) text += "---\na: [\n";
    out.push_back(text);
  }
  return out;
}

Read finish(const source::SourceMap& sources, const std::vector<std::vector<Document>>& files,
            const diag::Engine& diagnostics) {
  Read out;
  for (const auto& documents : files) {
    for (const Document& document : documents) {
      write(sources, document.root, out.text);
      out.text += sources.file_line_column(document.name.node) + " " + document.name.value + "\n";
      ++out.documents;
    }
  }
  out.text += diag::render_text(sources, diagnostics);
  return out;
}

Read one_by_one() {
  source::SourceMap sources;
  diag::Engine diagnostics;
  std::vector<std::vector<Document>> files;
  for (const std::string& text : texts())
    files.push_back(read_documents(sources, sources.add_file("f", text), diagnostics));
  return finish(sources, files, diagnostics);
}

Read together(unsigned workers, std::size_t max_errors = 1000) {
  source::SourceMap sources;
  diag::Engine diagnostics(max_errors);
  std::vector<source::FileId> ids;
  for (const std::string& text : texts()) ids.push_back(sources.add_file("f", text));
  const auto files = read_many(sources, ids, diagnostics, {workers, {}});
  EXPECT_EQ(files.size(), ids.size());
  return finish(sources, files, diagnostics);
}

TEST(ReadMany, SaysTheSameAsReadingOneByOne) {
  const Read wanted = one_by_one();
  ASSERT_GT(wanted.documents, 100U);
  for (const unsigned workers : {0U, 1U, 2U, 5U, 100U}) {
    const Read read = together(workers);
    EXPECT_EQ(read.text, wanted.text) << workers;
    EXPECT_EQ(read.documents, wanted.documents);
  }
}

TEST(ReadMany, NothingIsReadAfterTooManyErrors) {
  EXPECT_LT(together(3, 4).documents, one_by_one().documents);
  EXPECT_EQ(together(1, 4).text, together(3, 4).text);
}

TEST(ReadMany, NoFiles) {
  source::SourceMap sources;
  diag::Engine diagnostics;
  EXPECT_TRUE(read_many(sources, {}, diagnostics, {4, {}}).empty());
}

TEST(ReadMany, TellsHowMuchIsDone) {
  source::SourceMap sources;
  diag::Engine diagnostics;
  std::vector<source::FileId> ids;
  std::size_t size = 0;
  for (const std::string& text : texts()) {
    ids.push_back(sources.add_file("f", text));
    size += text.size();
  }
  std::size_t last = 0;
  (void)read_many(sources, ids, diagnostics, {1, [&](std::size_t done, std::size_t total) {
                                                EXPECT_GT(done, last);
                                                EXPECT_EQ(total, size);
                                                last = done;
                                              }});
  EXPECT_EQ(last, size);
}

}  // namespace
}  // namespace policyc::manifest
