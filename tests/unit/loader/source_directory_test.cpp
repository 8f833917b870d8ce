// A directory as a source: what is told of files that come, change and go.

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "loader/source/directory.h"
#include "tests/support/temporary_folder.h"
#include "tests/unit/loader/source_view.h"

namespace policyc::testing {
namespace {

namespace fs = std::filesystem;
using Contents = std::map<std::string, std::string>;
using watch::DirectoryOptions;
using watch::DirectorySource;
using watch::EventKind;

class DirectorySourceTest : public ::testing::TestWithParam<watch::Leases> {
 protected:
  void begin(DirectoryOptions options = {}) {
    options.directory = root_;
    options.leases = GetParam();
    source_ = std::make_unique<DirectorySource>(options);
    view_ = std::make_unique<SourceView>(*source_);
    const auto resumed = source_->start(std::nullopt);
    ASSERT_TRUE(resumed.has_value()) << resumed.error().message;
    EXPECT_FALSE(*resumed);
  }
  void begin_synced(DirectoryOptions options = {}) {
    begin(std::move(options));
    ASSERT_TRUE(view_->until_synced());
  }
  // Waits until this is what is in force, and nothing else changes it in the work that is left.
  void expect_contents(const Contents& expected) {
    EXPECT_TRUE(view_->until([&] { return view_->contents == expected; }))
        << ::testing::PrintToString(view_->contents);
    view_->take_all();
    EXPECT_EQ(view_->contents, expected);
  }
  void write(const std::string& key, const std::string& content) {
    write_whole(root_ / key, content);
  }
  [[nodiscard]] std::size_t count(EventKind kind, const std::string& key) const {
    return static_cast<std::size_t>(std::count_if(
        view_->events.begin(), view_->events.end(),
        [&](const watch::Event& event) { return event.kind == kind && event.object.key == key; }));
  }

  TemporaryFolder folder_;
  fs::path root_ = folder_ / "policies";
  std::unique_ptr<DirectorySource> source_;
  std::unique_ptr<SourceView> view_;

  void SetUp() override { fs::create_directories(root_); }
};

TEST_P(DirectorySourceTest, TellsManifestsOfAllFoldersAndNothingElse) {
  fs::create_directories(root_ / "a" / "b");
  fs::create_directories(root_ / ".git");
  write("one.yaml", "1");
  write("a/two.yml", "2");
  write("a/b/three.json", "3");
  write("empty.yaml", "");
  write(".hidden.yaml", "x");
  write(".git/config.yaml", "x");
  write("notes.txt", "x");
  write("one.yaml~", "x");
  begin();
  expect_contents(
      {{"one.yaml", "1"}, {"a/two.yml", "2"}, {"a/b/three.json", "3"}, {"empty.yaml", ""}});
  EXPECT_TRUE(view_->until([&] { return view_->synced == 1; }));
  for (const watch::Event& event : view_->events) {
    if (event.object.key != "a/two.yml") continue;
    EXPECT_EQ(event.object.name, root_ / "a" / "two.yml");
  }
}

TEST_P(DirectorySourceTest, TellsChangesInOldAndNewFolders) {
  begin_synced();
  EXPECT_TRUE(view_->contents.empty());
  write("a.yaml", "1");
  expect_contents({{"a.yaml", "1"}});
  fs::create_directories(root_ / "deep" / "er");
  write("deep/er/b.yaml", "2");
  write("a.yaml", "3");
  expect_contents({{"a.yaml", "3"}, {"deep/er/b.yaml", "2"}});
  fs::remove(root_ / "a.yaml");
  expect_contents({{"deep/er/b.yaml", "2"}});
  fs::rename(root_ / "deep", root_ / "moved");
  expect_contents({{"moved/er/b.yaml", "2"}});
  write("moved/er/c.yaml", "4");
  expect_contents({{"moved/er/b.yaml", "2"}, {"moved/er/c.yaml", "4"}});
  fs::remove_all(root_ / "moved");
  expect_contents({});
  EXPECT_EQ(view_->synced, 1U);
}

// Without leases only quiet tells, and that a writer can be as well.
class LeasedDirectorySourceTest : public DirectorySourceTest {};

TEST_P(LeasedDirectorySourceTest, AnOpenFileIsNotTakenBeforeItIsClosed) {
  begin_synced();
  const bpf::Fd writer(::open((root_ / "a.yaml").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  ASSERT_EQ(::write(writer.get(), "half", 4), 4);
  // Another file that comes later is told; this one is not.
  write("b.yaml", "b");
  expect_contents({{"b.yaml", "b"}});
  ASSERT_EQ(::write(writer.get(), "whole", 5), 5);
  ASSERT_EQ(::close(::dup(writer.get())), 0);  // one descriptor of two is closed
  write("b.yaml", "c");
  expect_contents({{"b.yaml", "c"}});
  const_cast<bpf::Fd&>(writer).reset();
  expect_contents({{"a.yaml", "halfwhole"}, {"b.yaml", "c"}});
  EXPECT_TRUE(view_->unusable.empty());
}

TEST_P(LeasedDirectorySourceTest, AFileThatIsBeingWrittenAtTheStartIsToldAsUnusable) {
  write("a.yaml", "old");
  bpf::Fd writer(::open((root_ / "a.yaml").c_str(), O_WRONLY | O_TRUNC | O_CLOEXEC));
  ASSERT_EQ(::write(writer.get(), "ha", 2), 2);
  begin_synced();
  EXPECT_EQ(view_->unusable, (Contents{{"a.yaml", "is being written"}}));
  EXPECT_TRUE(view_->contents.empty());
  ASSERT_EQ(::write(writer.get(), "lf", 2), 2);
  writer.reset();
  expect_contents({{"a.yaml", "half"}});
  EXPECT_TRUE(view_->unusable.empty());
}

TEST_P(DirectorySourceTest, ReplacementsByRenameAreOneChange) {
  write("a.yaml", "1");
  begin_synced();
  for (int i = 2; i < 6; ++i) {
    // As editors do: beside it and renamed over it.
    write(".a.yaml.new", std::to_string(i));
    fs::rename(root_ / ".a.yaml.new", root_ / "a.yaml");
    expect_contents({{"a.yaml", std::to_string(i)}});
  }
  EXPECT_EQ(count(EventKind::Deleted, "a.yaml"), 0U);
}

TEST_P(DirectorySourceTest, AFileThatIsAwayForAMomentIsNotDeleted) {
  write("a.yaml", "1");
  DirectoryOptions patient;
  patient.deletion_grace = std::chrono::seconds(20);
  begin_synced(patient);
  expect_contents({{"a.yaml", "1"}});
  // As other editors do: the old one away, a new one in its place.
  fs::rename(root_ / "a.yaml", root_ / "a.yaml~");
  write("b.yaml", "b");
  expect_contents({{"a.yaml", "1"}, {"b.yaml", "b"}});
  write("a.yaml", "2");
  expect_contents({{"a.yaml", "2"}, {"b.yaml", "b"}});
  // As version control does.
  fs::remove(root_ / "a.yaml");
  write("b.yaml", "c");
  expect_contents({{"a.yaml", "2"}, {"b.yaml", "c"}});
  write("a.yaml", "3");
  expect_contents({{"a.yaml", "3"}, {"b.yaml", "c"}});
  EXPECT_EQ(count(EventKind::Deleted, "a.yaml"), 0U);
}

TEST_P(DirectorySourceTest, TheSameContentAgainIsNoChange) {
  write("a.yaml", "1");
  begin_synced();
  write("a.yaml", "1");
  write("b.yaml", "2");
  expect_contents({{"a.yaml", "1"}, {"b.yaml", "2"}});
  fs::remove(root_ / "b.yaml");
  expect_contents({{"a.yaml", "1"}});
  EXPECT_EQ(count(EventKind::Put, "a.yaml"), 1U);
}

TEST_P(DirectorySourceTest, WhatCannotBeReadIsUnusableAndKeepsWhatItSaid) {
  write("a.yaml", "small");
  ASSERT_EQ(::mkfifo((root_ / "pipe.yaml").c_str(), 0600), 0);
  fs::create_symlink("loop.yaml", root_ / "loop.yaml");
  fs::create_symlink("nowhere.yaml", root_ / "dangling.yaml");
  DirectoryOptions options;
  options.max_file_bytes = 10;
  begin_synced(options);
  EXPECT_TRUE(view_->until([&] { return view_->contents.contains("a.yaml"); }));
  ASSERT_EQ(view_->unusable.size(), 2U) << ::testing::PrintToString(view_->unusable);
  EXPECT_EQ(view_->unusable["pipe.yaml"], "is not a regular file");
  EXPECT_NE(view_->unusable["loop.yaml"].find("symbolic link"), std::string::npos);
  write("a.yaml", "eleven byte");
  EXPECT_TRUE(view_->until([&] { return view_->unusable.contains("a.yaml"); }));
  EXPECT_EQ(view_->unusable["a.yaml"], "has 11 bytes; at most 10 are read");
  EXPECT_EQ(view_->contents["a.yaml"], "small");
  // The same as before is told again, because it ends the trouble.
  write("a.yaml", "small");
  EXPECT_TRUE(view_->until([&] { return !view_->unusable.contains("a.yaml"); }));
  EXPECT_EQ(view_->contents["a.yaml"], "small");
  fs::remove(root_ / "pipe.yaml");
  fs::remove(root_ / "loop.yaml");
  write("nowhere.yaml", "now");
  fs::remove(root_ / "dangling.yaml");
  fs::create_symlink("nowhere.yaml", root_ / "dangling.yaml");
  expect_contents({{"a.yaml", "small"}, {"nowhere.yaml", "now"}, {"dangling.yaml", "now"}});
  EXPECT_TRUE(view_->until([&] { return view_->unusable.empty(); }));
}

TEST_P(DirectorySourceTest, LinksOfDirectoriesThatLeadUpwardsEnd) {
  fs::create_directories(root_ / "a");
  write("a/x.yaml", "1");
  fs::create_directory_symlink("..", root_ / "a" / "up");
  fs::create_directory_symlink("a", root_ / "b");
  begin_synced();
  expect_contents({{"a/x.yaml", "1"}, {"b/x.yaml", "1"}});
  EXPECT_EQ(view_->unusable, (Contents{{"a/up/", "is a symbolic link to a directory above it"},
                                       {"b/up/", "is a symbolic link to a directory above it"}}));
  write("a/x.yaml", "2");
  expect_contents({{"a/x.yaml", "2"}, {"b/x.yaml", "2"}});
  fs::remove(root_ / "a" / "up");
  fs::remove(root_ / "b");
  expect_contents({{"a/x.yaml", "2"}});
  EXPECT_TRUE(view_->until([&] { return view_->unusable.empty(); }));
}

TEST_P(DirectorySourceTest, FilesThatNobodyOpenedAreTaken) {
  write("elsewhere", "linked");
  begin_synced();
  fs::create_hard_link(root_ / "elsewhere", root_ / "hard.yaml");
  fs::create_symlink(root_ / "elsewhere", root_ / "soft.yaml");
  expect_contents({{"hard.yaml", "linked"}, {"soft.yaml", "linked"}});
  // Nobody tells that a link's target changes; it is found.
  write("elsewhere", "changed");
  expect_contents({{"hard.yaml", "linked"}, {"soft.yaml", "changed"}});
}

// The volume of a ConfigMap, as the kubelet makes it.
class ConfigMap {
 public:
  explicit ConfigMap(fs::path root) : root_(std::move(root)) {}
  void publish(const Contents& files) {
    const std::string fresh = "..2026_" + std::to_string(++number_);
    for (const auto& [key, content] : files) {
      fs::create_directories((root_ / fresh / key).parent_path());
      write_whole(root_ / fresh / key, content);
    }
    fs::create_directory_symlink(fresh, root_ / "..data_tmp");
    fs::rename(root_ / "..data_tmp", root_ / "..data");
    std::set<std::string> wanted;
    for (const auto& [key, content] : files) {
      const std::string first = key.substr(0, key.find('/'));
      if (wanted.insert(first).second && !fs::is_symlink(root_ / first))
        fs::create_symlink("..data/" + first, root_ / first);
    }
    for (const auto& entry : fs::directory_iterator(root_)) {
      const std::string name = entry.path().filename();
      if (!name.starts_with("..") && !wanted.contains(name)) fs::remove(entry.path());
    }
    if (!previous_.empty()) fs::remove_all(root_ / previous_);
    previous_ = fresh;
  }

 private:
  fs::path root_;
  std::string previous_;
  int number_ = 0;
};

TEST_P(DirectorySourceTest, AConfigMapChangesAsOne) {
  ConfigMap map(root_);
  map.publish({{"a.yaml", "a1"}, {"b.yaml", "b1"}, {"sub/c.yaml", "c1"}});
  begin_synced();
  expect_contents({{"a.yaml", "a1"}, {"b.yaml", "b1"}, {"sub/c.yaml", "c1"}});
  for (int i = 2; i < 8; ++i) {
    const std::string n = std::to_string(i);
    const std::size_t before = view_->events.size();
    map.publish({{"a.yaml", "a" + n}, {"b.yaml", "b" + n}, {"sub/c.yaml", "c" + n}});
    expect_contents({{"a.yaml", "a" + n}, {"b.yaml", "b" + n}, {"sub/c.yaml", "c" + n}});
    ASSERT_EQ(view_->events.size(), before + 3);
    // One change: one version.
    EXPECT_EQ(view_->events[before].object.version, view_->events[before + 1].object.version);
    EXPECT_EQ(view_->events[before].object.version, view_->events[before + 2].object.version);
  }
  map.publish({{"b.yaml", "b7"}, {"d.yaml", "d"}});
  expect_contents({{"b.yaml", "b7"}, {"d.yaml", "d"}});
  EXPECT_TRUE(view_->unusable.empty()) << ::testing::PrintToString(view_->unusable);
}

TEST_P(DirectorySourceTest, ADirectoryThatIsMissingIsNotAnEmptyOne) {
  fs::remove(root_);
  begin();
  EXPECT_TRUE(view_->until([&] { return view_->unusable.contains(""); }));
  EXPECT_EQ(view_->synced, 0U);
  fs::create_directory(root_);
  write("a.yaml", "1");
  EXPECT_TRUE(view_->until([&] { return view_->synced == 1; }));
  expect_contents({{"a.yaml", "1"}});
  EXPECT_TRUE(view_->unusable.empty());
  // Moved away: what it said stays.
  fs::rename(root_, folder_ / "away");
  EXPECT_TRUE(view_->until([&] { return view_->unusable.contains(""); }));
  EXPECT_EQ(view_->contents, (Contents{{"a.yaml", "1"}}));
  // Another one in its place counts.
  fs::create_directories(root_ / "sub");
  write("sub/b.yaml", "2");
  EXPECT_TRUE(view_->until([&] { return view_->synced == 2; }));
  expect_contents({{"sub/b.yaml", "2"}});
  EXPECT_TRUE(view_->unusable.empty());
  // Removed with all that is in it, and made again without.
  fs::remove_all(root_);
  EXPECT_TRUE(view_->until([&] { return view_->unusable.contains(""); }));
  fs::create_directory(root_);
  EXPECT_TRUE(view_->until([&] { return view_->synced == 3; }));
  expect_contents({});
}

TEST_P(DirectorySourceTest, ADirectoryBehindALinkIsFollowedWhenTheLinkChanges) {
  fs::create_directories(folder_ / "one");
  fs::create_directories(folder_ / "two");
  write_whole(folder_ / "one" / "a.yaml", "1");
  write_whole(folder_ / "two" / "a.yaml", "2");
  fs::remove(root_);
  fs::create_directory_symlink("one", root_);
  begin_synced();
  expect_contents({{"a.yaml", "1"}});
  fs::create_directory_symlink("two", folder_ / "fresh");
  fs::rename(folder_ / "fresh", root_);
  expect_contents({{"a.yaml", "2"}});
}

TEST_P(DirectorySourceTest, LimitsAreTold) {
  DirectoryOptions options;
  options.max_files = 3;
  options.max_directories = 3;
  for (const char* name : {"a.yaml", "b.yaml", "c.yaml", "d.yaml"}) write(name, name);
  for (const char* name : {"p", "q", "r"}) fs::create_directory(root_ / name);
  begin_synced(options);
  EXPECT_TRUE(view_->unusable.contains("")) << ::testing::PrintToString(view_->unusable);
  EXPECT_LE(view_->contents.size(), 3U);
  EXPECT_TRUE(view_->unusable.contains("r/"));
}

TEST_P(DirectorySourceTest, AllFilesTogetherHaveABudget) {
  DirectoryOptions options;
  options.max_total_bytes = 10;
  write("a.yaml", "1234");
  write("b.yaml", "123456");
  begin_synced(options);
  expect_contents({{"a.yaml", "1234"}, {"b.yaml", "123456"}});
  write("c.yaml", "1");
  const std::string why = " bytes, more than is left of the 10 that all files together may have";
  EXPECT_TRUE(view_->until([&] { return view_->unusable["c.yaml"] == "has 1" + why; }))
      << view_->unusable["c.yaml"];
  // What a file said stays, and counts, when it grows beyond what is left.
  write("a.yaml", "12345");
  EXPECT_TRUE(view_->until([&] { return view_->unusable.contains("a.yaml"); }));
  EXPECT_EQ(view_->unusable["a.yaml"], "has 5" + why);
  EXPECT_EQ(view_->contents["a.yaml"], "1234");
  // What another one gives back is taken.
  write("b.yaml", "123");
  expect_contents({{"a.yaml", "12345"}, {"b.yaml", "123"}, {"c.yaml", "1"}});
  EXPECT_TRUE(view_->until([&] { return view_->unusable.empty(); }));
  write("d.yaml", "12");
  EXPECT_TRUE(view_->until([&] { return view_->unusable.contains("d.yaml"); }));
  fs::remove(root_ / "b.yaml");
  expect_contents({{"a.yaml", "12345"}, {"c.yaml", "1"}, {"d.yaml", "12"}});
  EXPECT_EQ(count(EventKind::Unusable, "d.yaml"), 1U);
}

TEST_P(DirectorySourceTest, VersionsGrowOverRestarts) {
  write("a.yaml", "1");
  begin_synced();
  expect_contents({{"a.yaml", "1"}});
  std::uint64_t last = 0;
  for (const watch::Event& event : view_->events) last = std::max(last, event.object.version);
  const watch::Cursor cursor = source_->cursor();
  source_ =
      std::make_unique<DirectorySource>(DirectoryOptions{.directory = root_, .leases = GetParam()});
  view_ = std::make_unique<SourceView>(*source_);
  const auto resumed = source_->start(cursor);
  ASSERT_TRUE(resumed.has_value());
  EXPECT_FALSE(*resumed);
  expect_contents({{"a.yaml", "1"}});
  EXPECT_GT(view_->events.front().object.version, last);
  // Begun again, the same source tells everything again.
  const int fd = source_->fd();
  view_->events.clear();
  ASSERT_TRUE(source_->start(std::nullopt).has_value());
  EXPECT_EQ(source_->fd(), fd);
  EXPECT_TRUE(view_->until([&] { return count(EventKind::Put, "a.yaml") == 1; }));
}

INSTANTIATE_TEST_SUITE_P(Leases, LeasedDirectorySourceTest, ::testing::Values(watch::Leases::Try));
INSTANTIATE_TEST_SUITE_P(Leases, DirectorySourceTest,
                         ::testing::Values(watch::Leases::Try, watch::Leases::Never),
                         [](const auto& test) {
                           return std::string(test.param == watch::Leases::Try ? "WithLeases"
                                                                               : "WithoutLeases");
                         });

}  // namespace
}  // namespace policyc::testing
