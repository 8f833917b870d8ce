// The cache of objects: what is put is got back whole or not at all, whatever lies in the folder.
#include "compiler/backend/cache.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/temporary_folder.h"

namespace policyc::backend {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

CacheKey key_of(const std::string& text) { return CacheKeyBuilder().add(text).finish(); }

Bytes content_of(const std::string& text, std::size_t size) {
  Bytes bytes;
  while (bytes.size() < size) bytes.insert(bytes.end(), text.begin(), text.end());
  bytes.resize(size);
  return bytes;
}

std::string read_text(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void write_text(const fs::path& path, std::string_view text) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
}

// Sets when an entry was used last, in seconds from the epoch.
void set_used(const fs::path& path, std::time_t seconds) {
  const std::array<timespec, 2> times{
      {{.tv_sec = seconds, .tv_nsec = 0}, {.tv_sec = seconds, .tv_nsec = 0}}};
  ASSERT_EQ(utimensat(AT_FDCWD, path.c_str(), times.data(), AT_SYMLINK_NOFOLLOW), 0);
}

mode_t mode_of(const fs::path& path) {
  struct stat status{};
  EXPECT_EQ(stat(path.c_str(), &status), 0) << path;
  return status.st_mode & 07777U;
}

class Cache : public ::testing::Test {
 protected:
  [[nodiscard]] std::string path() const { return (folder_ / "cache").string(); }
  [[nodiscard]] fs::path entry(const CacheKey& key) const {
    return fs::path(path()) / key.hex().substr(0, 2) / key.hex().substr(2);
  }
  [[nodiscard]] ObjectCache open(CacheLimits limits = {}) const {
    auto cache = ObjectCache::open(path(), limits);
    EXPECT_TRUE(cache) << cache.error().message;
    return std::move(*cache);
  }

  testing::TemporaryFolder folder_;
};

// ---- keys

TEST(CacheKeyBuilder, PartsDoNotRunIntoEachOther) {
  const auto key = [](std::string_view a, std::string_view b) {
    return CacheKeyBuilder().add(a).add(b).finish();
  };
  EXPECT_EQ(key("ab", "c"), key("ab", "c"));
  EXPECT_NE(key("ab", "c"), key("a", "bc"));
  EXPECT_NE(key("ab", ""), key("", "ab"));
  EXPECT_NE(CacheKeyBuilder().add("a").finish(), key("a", ""));
  EXPECT_NE(CacheKeyBuilder().add(std::uint64_t{1}).finish(),
            CacheKeyBuilder().add(std::uint64_t{2}).finish());
  EXPECT_EQ(key("", "").hex().size(), 64U);
}

TEST(CacheKeyBuilder, StartsWithTheBuild) {
  const auto started = CacheKeyBuilder::start();
  ASSERT_TRUE(started) << started.error().message;
  EXPECT_NE(started->finish(), CacheKeyBuilder().finish());
  EXPECT_EQ(started->finish(), CacheKeyBuilder::start()->finish());
}

// ---- an entry's life

TEST_F(Cache, GivesBackWhatWasPut) {
  auto cache = open();
  EXPECT_EQ(cache.get(key_of("a")), std::nullopt);
  for (const std::size_t size : {0U, 1U, 70000U}) {
    const auto key = key_of(std::to_string(size));
    const Bytes bytes = content_of("object", size);
    EXPECT_TRUE(cache.put(key, bytes));
    EXPECT_EQ(cache.get(key), bytes);
    EXPECT_EQ(open().get(key), bytes) << "another process";
  }
  EXPECT_EQ(cache.get(key_of("b")), std::nullopt);
  const auto stats = cache.stats();
  EXPECT_EQ(stats.hits, 3U);
  EXPECT_EQ(stats.misses, 2U);
  EXPECT_EQ(stats.stored, 3U);
  EXPECT_EQ(stats.damaged, 0U);
  EXPECT_THAT(stats.problem, IsEmpty());
}

TEST_F(Cache, TheLastPutCounts) {
  auto cache = open();
  EXPECT_TRUE(cache.put(key_of("a"), content_of("old", 100)));
  EXPECT_TRUE(cache.put(key_of("a"), content_of("new", 50)));
  EXPECT_EQ(cache.get(key_of("a")), content_of("new", 50));
  EXPECT_EQ(cache.usage()->entries, 1U);
}

TEST_F(Cache, NobodyElseCanReadOrWriteIt) {
  umask(0);
  auto cache = open();
  EXPECT_TRUE(cache.put(key_of("a"), content_of("a", 10)));
  umask(022);
  EXPECT_EQ(mode_of(path()), 0700U);
  EXPECT_EQ(mode_of(entry(key_of("a")).parent_path()), 0700U);
  EXPECT_EQ(mode_of(entry(key_of("a"))), 0600U);
  EXPECT_EQ(mode_of(path() + "/lock"), 0600U);
}

TEST_F(Cache, CanBeCountedAndCleared) {
  auto cache = open();
  EXPECT_TRUE(cache.put(key_of("a"), content_of("a", 10)));
  EXPECT_TRUE(cache.put(key_of("b"), content_of("b", 20)));
  write_text(path() + "/mine.txt", "not the cache's");
  const std::uint64_t bytes = fs::file_size(entry(key_of("a"))) + fs::file_size(entry(key_of("b")));
  EXPECT_EQ(cache.usage()->entries, 2U);
  EXPECT_EQ(cache.usage()->bytes, bytes);
  const auto removed = cache.clear();
  ASSERT_TRUE(removed);
  EXPECT_EQ(removed->entries, 2U);
  EXPECT_EQ(removed->bytes, bytes);
  EXPECT_EQ(cache.usage()->entries, 0U);
  EXPECT_EQ(cache.get(key_of("a")), std::nullopt);
  EXPECT_TRUE(fs::exists(path() + "/mine.txt"));
  EXPECT_TRUE(cache.put(key_of("a"), content_of("a", 10)));
  EXPECT_EQ(cache.get(key_of("a")), content_of("a", 10));
}

// ---- damage

TEST_F(Cache, EveryTruncationIsRemovedAndRebuilt) {
  auto cache = open();
  const auto key = key_of("a");
  const Bytes bytes = content_of("object", 40);
  ASSERT_TRUE(cache.put(key, bytes));
  const std::string good = read_text(entry(key));
  for (std::size_t size = 0; size < good.size(); ++size) {
    write_text(entry(key), good.substr(0, size));
    EXPECT_EQ(cache.get(key), std::nullopt) << size;
    EXPECT_FALSE(fs::exists(entry(key))) << size;
  }
  EXPECT_EQ(cache.stats().damaged, good.size());
  EXPECT_TRUE(cache.put(key, bytes));
  EXPECT_EQ(cache.get(key), bytes);
  EXPECT_THAT(cache.stats().problem, IsEmpty());
}

TEST_F(Cache, EveryChangedByteIsRemoved) {
  auto cache = open();
  const auto key = key_of("a");
  ASSERT_TRUE(cache.put(key, content_of("object", 40)));
  const std::string good = read_text(entry(key));
  for (std::size_t at = 0; at < good.size(); ++at) {
    for (const int mask : {1, 0x80, 0xff}) {
      std::string changed = good;
      changed[at] = static_cast<char>(changed[at] ^ mask);
      write_text(entry(key), changed);
      EXPECT_EQ(cache.get(key), std::nullopt) << at;
      EXPECT_FALSE(fs::exists(entry(key))) << at;
    }
  }
  write_text(entry(key), good + "x");
  EXPECT_EQ(cache.get(key), std::nullopt) << "too long";
  write_text(entry(key), good);
  EXPECT_EQ(cache.get(key), content_of("object", 40)) << "the test itself changes nothing";
}

TEST_F(Cache, AnEntryUnderAnotherKeyIsRefused) {
  auto cache = open();
  ASSERT_TRUE(cache.put(key_of("a"), content_of("a", 10)));
  ASSERT_TRUE(cache.put(key_of("b"), content_of("b", 10)));
  fs::copy_file(entry(key_of("a")), entry(key_of("b")), fs::copy_options::overwrite_existing);
  EXPECT_EQ(cache.get(key_of("b")), std::nullopt);
  EXPECT_EQ(cache.get(key_of("a")), content_of("a", 10));
}

TEST_F(Cache, WhatIsNotAFileIsNotFollowed) {
  auto cache = open();
  const auto key = key_of("a");
  ASSERT_TRUE(cache.put(key, content_of("a", 10)));
  fs::rename(entry(key), folder_ / "elsewhere");
  fs::create_symlink(folder_ / "elsewhere", entry(key));
  EXPECT_EQ(cache.get(key), std::nullopt);
  EXPECT_FALSE(fs::is_symlink(entry(key)));
  EXPECT_TRUE(fs::exists(folder_ / "elsewhere")) << "what it points to is not ours to remove";

  fs::create_symlink(folder_ / "elsewhere", entry(key));
  const std::string before = read_text(folder_ / "elsewhere");
  ASSERT_TRUE(cache.put(key, content_of("b", 10)));
  EXPECT_EQ(read_text(folder_ / "elsewhere"), before) << "a link is replaced, not written through";
  EXPECT_EQ(cache.get(key), content_of("b", 10));

  fs::remove(entry(key));
  ASSERT_EQ(mkfifo(entry(key).c_str(), 0600), 0);
  EXPECT_EQ(cache.get(key), std::nullopt) << "and does not wait for a writer";
  fs::create_directories(entry(key) / "deep");
  EXPECT_EQ(cache.get(key), std::nullopt);
  EXPECT_FALSE(cache.put(key, content_of("a", 10)));
  EXPECT_THAT(cache.stats().problem, HasSubstr(path()));
}

TEST_F(Cache, ASubfolderThatIsALinkIsNotEntered) {
  auto cache = open();
  const auto key = key_of("a");
  fs::create_directory(folder_ / "elsewhere");
  fs::create_symlink(folder_ / "elsewhere", entry(key).parent_path());
  EXPECT_FALSE(cache.put(key, content_of("a", 10)));
  EXPECT_TRUE(fs::is_empty(folder_ / "elsewhere"));
  EXPECT_EQ(cache.get(key), std::nullopt);
  EXPECT_EQ(cache.usage()->entries, 0U);
}

TEST_F(Cache, DamageToTheTotalsCostsACount) {
  for (const char* text : {"", "x", "policyc cache 1: 0 entries, 0 bytes, counted 99999999999999\n",
                           "policyc cache 1: 0 entries, 0 bytes, counted 1\n",
                           "policyc cache 1: 99999999999999999999 entries, 0 bytes, counted 5\n"}) {
    const std::uint64_t kTwo = 2;
    auto cache = open({.max_entries = kTwo});
    for (const char* name : {"a", "b", "c"}) {
      write_text(path() + "/lock", text);
      EXPECT_TRUE(cache.put(key_of(name), content_of(name, 10)));
      EXPECT_LE(cache.usage()->entries, kTwo) << text;
    }
    EXPECT_EQ(cache.get(key_of("c")), content_of("c", 10));
  }
}

// ---- bounds

TEST_F(Cache, TheLeastRecentlyUsedGoesFirst) {
  auto cache = open({.max_entries = 3});
  std::time_t when = 1000;
  for (const char* name : {"a", "b", "c"}) {
    ASSERT_TRUE(cache.put(key_of(name), content_of(name, 10)));
    set_used(entry(key_of(name)), when++);
  }
  EXPECT_TRUE(cache.get(key_of("a"))) << "now `b` is the oldest";
  EXPECT_TRUE(cache.put(key_of("d"), content_of("d", 10)));
  EXPECT_EQ(cache.get(key_of("b")), std::nullopt);
  for (const char* name : {"a", "c", "d"}) EXPECT_TRUE(cache.get(key_of(name))) << name;
  EXPECT_EQ(cache.stats().evicted, 1U);
}

TEST_F(Cache, HoldsNoMoreBytesThanItMay) {
  constexpr std::uint64_t kMaxBytes = 20000;
  auto cache = open({.max_bytes = kMaxBytes});
  std::uint64_t most = 0;
  for (int i = 0; i < 200; ++i) {
    const auto size = static_cast<std::size_t>(i * 37 % 3000);
    EXPECT_TRUE(cache.put(key_of(std::to_string(i)), content_of("x", size)));
    most = std::max(most, cache.usage()->bytes);
    ASSERT_LE(most, kMaxBytes);
  }
  EXPECT_GT(most, kMaxBytes / 2) << "the room is used";
  EXPECT_TRUE(cache.get(key_of("199")));
}

TEST_F(Cache, WhatIsLargerThanTheCacheIsNotStored) {
  auto cache = open({.max_bytes = 1000});
  ASSERT_TRUE(cache.put(key_of("small"), content_of("x", 100)));
  EXPECT_TRUE(cache.put(key_of("large"), content_of("x", 1000)));
  EXPECT_EQ(cache.get(key_of("large")), std::nullopt);
  EXPECT_TRUE(cache.get(key_of("small"))) << "nothing went away for it";
  auto none = ObjectCache::open((folder_ / "none").string(), {.max_entries = 0});
  ASSERT_TRUE(none);
  EXPECT_TRUE(none->put(key_of("a"), content_of("a", 1)));
  EXPECT_EQ(none->get(key_of("a")), std::nullopt);
}

TEST_F(Cache, LeftoversOfDeadWritersGoAfterAnHour) {
  auto cache = open({.max_entries = 1});
  ASSERT_TRUE(cache.put(key_of("a"), content_of("a", 10)));
  const fs::path old_one = entry(key_of("a")).parent_path() / ".tmp-1-0";
  const fs::path new_one = entry(key_of("a")).parent_path() / ".tmp-1-1";
  write_text(old_one, "half an ob");
  write_text(new_one, "half an ob");
  set_used(old_one, std::time(nullptr) - 3700);
  EXPECT_EQ(cache.usage()->entries, 1U) << "they are not entries";
  ASSERT_TRUE(cache.put(key_of("b"), content_of("b", 10)));
  EXPECT_FALSE(fs::exists(old_one));
  EXPECT_TRUE(fs::exists(new_one)) << "its writer may be alive";
}

// ---- folders

TEST_F(Cache, MakesTheFoldersAboveIt) {
  auto cache = ObjectCache::open((folder_ / "a/b/c").string());
  ASSERT_TRUE(cache) << cache.error().message;
  EXPECT_TRUE(cache->put(key_of("a"), content_of("a", 10)));
  EXPECT_EQ(mode_of(folder_ / "a/b"), 0700U);
}

TEST_F(Cache, AFolderThatOthersMayWriteToIsRefused) {
  fs::create_directory(path());
  for (const mode_t mode : {0777U, 0770U, 0702U, 01777U}) {
    ASSERT_EQ(chmod(path().c_str(), mode), 0);
    const auto cache = ObjectCache::open(path());
    ASSERT_FALSE(cache) << std::oct << mode;
    EXPECT_THAT(cache.error().message, HasSubstr("other users may write"));
  }
  ASSERT_EQ(chmod(path().c_str(), 0755), 0);
  EXPECT_TRUE(ObjectCache::open(path()));
  ASSERT_EQ(chown(path().c_str(), 12345, 0), 0) << "needs root";
  const auto cache = ObjectCache::open(path());
  ASSERT_FALSE(cache);
  EXPECT_THAT(cache.error().message, HasSubstr("another user"));
}

TEST_F(Cache, WhatCannotBeAFolderIsAnError) {
  write_text(folder_ / "file", "");
  for (const std::string& bad : {std::string(), (folder_ / "file").string(),
                                 (folder_ / "file/below").string(), std::string("/proc/none/x")}) {
    const auto cache = ObjectCache::open(bad);
    ASSERT_FALSE(cache) << bad;
    EXPECT_FALSE(cache.error().message.empty());
  }
}

TEST_F(Cache, AFolderThatGoesAwayIsAProblemAndNoMore) {
  auto cache = open();
  ASSERT_TRUE(cache.put(key_of("a"), content_of("a", 10)));
  fs::remove_all(path());
  EXPECT_EQ(cache.get(key_of("a")), std::nullopt);
  EXPECT_FALSE(cache.put(key_of("a"), content_of("a", 10)));
  EXPECT_FALSE(cache.put(key_of("b"), content_of("b", 10)));
  EXPECT_THAT(cache.stats().problem, HasSubstr("No such file"));
}

TEST_F(Cache, ThreadsShareOne) {
  auto cache = open({.max_entries = 8});
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&cache, thread] {
      for (int i = 0; i < 100; ++i) {
        const std::string name = std::to_string((i + thread) % 20);
        const auto bytes = cache.get(key_of(name));
        if (bytes) {
          EXPECT_EQ(*bytes, content_of(name, 500));
        } else {
          EXPECT_TRUE(cache.put(key_of(name), content_of(name, 500)));
        }
      }
    });
  }
  for (auto& thread : threads) thread.join();
  const auto stats = cache.stats();
  EXPECT_EQ(stats.hits + stats.misses, 400U);
  EXPECT_EQ(stats.damaged, 0U);
  EXPECT_LE(cache.usage()->entries, 8U);
}

}  // namespace
}  // namespace policyc::backend
