// loader/agent/source_files: what a source tells, what becomes of it, and what is kept.

#include "loader/agent/source_files.h"

#include <fstream>

#include <gmock/gmock.h>

#include "tests/support/temporary_folder.h"

namespace policyc::testing {
namespace {

using agent::LastGood;
using agent::SourceFiles;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using watch::Event;
using watch::EventKind;

// Takes down what it is told.
class FakeCompiler : public agent::Compiler {
 public:
  [[nodiscard]] int fd() const override { return -1; }
  void put_file(std::string key, std::string, std::string content) override {
    log.push_back("put " + key + " " + content);
  }
  void remove_file(const std::string& key) override { log.push_back("remove " + key); }
  std::uint64_t resolve(worker::LocalEndpoints, bool) override { return 1; }
  std::uint64_t resolve_pods(worker::LocalEndpoints) override { return 1; }
  std::uint64_t compile(std::string, unsigned) override { return 1; }
  [[nodiscard]] Result<std::vector<worker::Answer>> pump() override {
    return std::vector<worker::Answer>{};
  }
  [[nodiscard]] bool ready() const override { return true; }
  [[nodiscard]] worker::Statistics statistics() const override { return {}; }
  std::vector<std::string> take_log() { return std::exchange(log, {}); }

  std::vector<std::string> log;
};

class SourceFilesTest : public ::testing::Test {
 protected:
  SourceFiles open() {
    auto store = LastGood::open(folder_ / "source");
    EXPECT_TRUE(store);
    return SourceFiles(std::move(*store));
  }
  static Event put(const std::string& key, const std::string& content) {
    return {EventKind::Put, {key, 1, key, content}, {}};
  }
  static Event synced() { return {EventKind::Synced, {}, {}}; }
  static worker::FileResult good(const std::string& key) { return {key, true, {}, false, false}; }
  static worker::FileResult bad(const std::string& key, bool last_good) {
    return {key, false, "bad", last_good, false};
  }
  // A node whose files are good.
  void keep(std::vector<std::string> keys) {
    SourceFiles files = open();
    files.begin(compiler_);
    for (const std::string& key : keys) files.take(put(key, "one"), compiler_);
    files.take(synced(), compiler_);
    for (const std::string& key : keys) files.take(good(key));
    ASSERT_TRUE(files.settle({}));
    compiler_.take_log();
  }

  TemporaryFolder folder_;
  FakeCompiler compiler_;
};

TEST_F(SourceFilesTest, TheLastGoodVersionIsToldFirstAfterARestart) {
  keep({"a.yaml"});
  SourceFiles files = open();
  files.begin(compiler_);
  EXPECT_TRUE(files.take(put("a.yaml", "two"), compiler_));
  EXPECT_THAT(compiler_.take_log(), ElementsAre("put a.yaml one", "put a.yaml two"));
  files.take(bad("a.yaml", true));
  ASSERT_TRUE(files.settle({}));
  ASSERT_EQ(files.refused().size(), 1U);
  EXPECT_TRUE(files.refused()[0].last_good);
  // The bad one was not kept.
  SourceFiles again = open();
  again.begin(compiler_);
  EXPECT_THAT(compiler_.take_log(), ElementsAre("put a.yaml one"));
}

TEST_F(SourceFilesTest, WhatTheSourceDoesNotTellAnyMoreGoes) {
  keep({"a.yaml", "b.yaml"});
  SourceFiles files = open();
  files.begin(compiler_);
  files.take(put("b.yaml", "one"), compiler_);
  compiler_.take_log();
  EXPECT_FALSE(files.synced());
  EXPECT_TRUE(files.take(synced(), compiler_));
  EXPECT_TRUE(files.synced());
  EXPECT_THAT(compiler_.take_log(), ElementsAre("remove a.yaml"));
  SourceFiles again = open();
  again.begin(compiler_);
  EXPECT_THAT(compiler_.take_log(), ElementsAre("put b.yaml one"));
}

TEST_F(SourceFilesTest, AFileThatDoesNotGoWithTheOthersIsNotKept) {
  SourceFiles files = open();
  files.begin(compiler_);
  files.take(put("a.yaml", "one"), compiler_);
  files.take(good("a.yaml"));
  ASSERT_TRUE(files.settle({bad("a.yaml", false)}));
  EXPECT_EQ(files.refused().size(), 1U);
  compiler_.take_log();
  SourceFiles again = open();
  again.begin(compiler_);
  EXPECT_THAT(compiler_.take_log(), IsEmpty());
}

TEST_F(SourceFilesTest, AFileThatCannotBeReadStays) {
  keep({"a.yaml"});
  SourceFiles files = open();
  files.begin(compiler_);
  EXPECT_FALSE(
      files.take({EventKind::Unusable, {"a.yaml", 1, "a.yaml", {}}, "no permission"}, compiler_));
  files.take(synced(), compiler_);
  EXPECT_THAT(compiler_.take_log(), ElementsAre("put a.yaml one"));
  ASSERT_EQ(files.refused().size(), 1U);
  EXPECT_EQ(files.refused()[0].diagnostics, "no permission");
  EXPECT_TRUE(files.refused()[0].last_good);
  // It can be read again.
  files.take(put("a.yaml", "one"), compiler_);
  files.take(good("a.yaml"));
  EXPECT_THAT(files.refused(), IsEmpty());
}

TEST_F(SourceFilesTest, ADeletedFileIsForgotten) {
  keep({"a.yaml"});
  SourceFiles files = open();
  files.begin(compiler_);
  files.take(put("a.yaml", "one"), compiler_);
  files.take(synced(), compiler_);
  compiler_.take_log();
  EXPECT_TRUE(files.take({EventKind::Deleted, {"a.yaml", 2, {}, {}}, {}}, compiler_));
  EXPECT_FALSE(files.take({EventKind::Deleted, {"a.yaml", 2, {}, {}}, {}}, compiler_));
  EXPECT_THAT(compiler_.take_log(), ElementsAre("remove a.yaml"));
  EXPECT_EQ(files.count(), 0U);
  SourceFiles again = open();
  again.begin(compiler_);
  EXPECT_THAT(compiler_.take_log(), IsEmpty());
}

TEST_F(SourceFilesTest, ADamagedFileOfTheStoreIsLeftOut) {
  keep({"a.yaml"});
  for (const auto& entry : std::filesystem::directory_iterator(folder_ / "source"))
    std::ofstream(entry.path()) << "{\n";
  SourceFiles files = open();
  files.begin(compiler_);
  EXPECT_THAT(compiler_.take_log(), IsEmpty());
  EXPECT_EQ(files.damaged().size(), 1U);
}

}  // namespace
}  // namespace policyc::testing
