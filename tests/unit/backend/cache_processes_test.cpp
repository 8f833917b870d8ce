// Several processes on one cache, processes that die, and folders that processes cannot write to.
#include <csignal>
#include <filesystem>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "compiler/backend/cache.h"
#include "tests/support/temporary_folder.h"

namespace policyc::backend {
namespace {

namespace fs = std::filesystem;

CacheKey key_of(std::uint64_t number) { return CacheKeyBuilder().add(number).finish(); }

// Differs from that of every other number in every part.
Bytes content_of(std::uint64_t number) {
  std::mt19937_64 random(number);
  Bytes bytes(1 + number * 97 % 5000);
  for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random());
  return bytes;
}

// A child that exits with 0 when `work` returns true.
pid_t start(const std::function<bool()>& work) {
  const pid_t child = fork();
  if (child == 0) _exit(work() ? 0 : 1);
  return child;
}

int wait_for(pid_t child) {
  int status = -1;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  return status;
}

constexpr CacheLimits kSmall{.max_bytes = 30000, .max_entries = 12};
constexpr std::uint64_t kNumbers = 40;

bool is_within(const ObjectCache& cache, const CacheLimits& limits) {
  const auto usage = cache.usage();
  return usage && usage->bytes <= limits.max_bytes && usage->entries <= limits.max_entries;
}

// On a busy machine the others may hold the lock for longer than anybody waits.
bool put_or_yield(ObjectCache& cache, std::uint64_t number) {
  const auto put = cache.put(key_of(number), content_of(number));
  return put || put.error().message == "lock: another process holds it";
}

// Gets and puts at random; false when a get gave something that was never put, or a put failed.
bool hammer(const std::string& path, std::uint64_t seed, int rounds) {
  auto cache = ObjectCache::open(path, kSmall);
  if (!cache) return false;
  std::mt19937_64 random(seed);
  bool good = true;
  for (int i = 0; i < rounds; ++i) {
    const std::uint64_t number = random() % kNumbers;
    const auto found = cache->get(key_of(number));
    good = good && (!found || *found == content_of(number));
    if (!found) good = put_or_yield(*cache, number) && good;
  }
  const auto stats = cache->stats();
  return good && stats.damaged == 0 && stats.hits > 0 && stats.evicted > 0;
}

TEST(CacheProcesses, NeverSeeHalfAnEntryAndKeepTheBound) {
  const testing::TemporaryFolder folder;
  const std::string path = (folder / "cache").string();
  auto watch = ObjectCache::open(path, kSmall);
  ASSERT_TRUE(watch);
  std::vector<pid_t> children;
  for (std::uint64_t seed = 1; seed <= 6; ++seed)
    children.push_back(start([&path, seed] { return hammer(path, seed, 400); }));
  // Counting is not one step: an entry may be replaced meanwhile, never more than one a process.
  for (int i = 0; i < 50; ++i) {
    const auto usage = watch->usage();
    ASSERT_TRUE(usage);
    EXPECT_LE(usage->entries, kSmall.max_entries + children.size());
  }
  for (const pid_t child : children) EXPECT_EQ(wait_for(child), 0);
  EXPECT_TRUE(is_within(*watch, kSmall));
}

TEST(CacheProcesses, ThatDieAtAnyTimeLeaveAGoodCache) {
  const testing::TemporaryFolder folder;
  const std::string path = (folder / "cache").string();
  std::mt19937 random(7);
  for (std::uint64_t round = 0; round < 40; ++round) {
    const pid_t child = start([&path, round] { return hammer(path, round, 1000000); });
    usleep(static_cast<useconds_t>(1000 + random() % 8000));
    ASSERT_EQ(kill(child, SIGKILL), 0);
    wait_for(child);
    auto cache = ObjectCache::open(path, kSmall);
    ASSERT_TRUE(cache);
    EXPECT_TRUE(is_within(*cache, kSmall));
    for (std::uint64_t number = 0; number < kNumbers; ++number) {
      const auto found = cache->get(key_of(number));
      if (found) {
        EXPECT_EQ(*found, content_of(number));
      }
    }
    EXPECT_EQ(cache->stats().damaged, 0U);
    EXPECT_TRUE(cache->put(key_of(round), content_of(round))) << "the lock is free";
  }
}

TEST(CacheProcesses, WithoutTheRightToWriteOnlyRead) {
  const testing::TemporaryFolder folder;
  const std::string path = (folder / "cache").string();
  {
    auto cache = ObjectCache::open(path);
    ASSERT_TRUE(cache && cache->put(key_of(1), content_of(1)));
  }
  fs::permissions(folder.path(), fs::perms(0755));
  for (const auto& item : fs::recursive_directory_iterator(folder.path()))
    fs::permissions(item.path(), fs::perms(item.is_directory() ? 0755 : 0644));
  const auto as_nobody = [&path](const std::function<bool(ObjectCache&)>& work) {
    return wait_for(start([&] {
      if (setgid(65534) != 0 || setuid(65534) != 0) return false;
      auto cache = ObjectCache::open(path);
      return cache && work(*cache);
    }));
  };
  EXPECT_EQ(as_nobody([](ObjectCache& cache) {
              return cache.get(key_of(1)) == content_of(1) && cache.stats().problem.empty() &&
                     !cache.get(key_of(2)) && !cache.put(key_of(2), content_of(2)) &&
                     !cache.stats().problem.empty();
            }),
            0);
  const std::string hex = key_of(1).hex();
  const fs::path entry = fs::path(path) / hex.substr(0, 2) / hex.substr(2);
  fs::permissions(entry, fs::perms(0600));
  EXPECT_EQ(as_nobody([](ObjectCache& cache) {
              return !cache.get(key_of(1)) && !cache.stats().problem.empty();
            }),
            0)
      << "an entry that cannot be read";
  EXPECT_TRUE(fs::exists(entry));
}

TEST(CacheProcesses, OnAFullDiskStoreNothing) {
  const testing::TemporaryFolder folder;
  const pid_t child = start([&folder] {
    // A file system of its own, seen by this process alone.
    if (unshare(CLONE_NEWNS) != 0 ||
        mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        mount("policyc", folder.path().c_str(), "tmpfs", 0, "size=64k,mode=0700") != 0)
      return false;
    auto cache = ObjectCache::open((folder / "cache").string());
    if (!cache) return false;
    const Bytes large(20000, 1);
    int stored = 0;
    for (std::uint64_t number = 0; number < 10; ++number)
      stored += cache->put(key_of(number), large).has_value() ? 1 : 0;
    bool whole = true;
    int found = 0;
    for (std::uint64_t number = 0; number < 10; ++number) {
      const auto bytes = cache->get(key_of(number));
      whole = whole && (!bytes || *bytes == large);
      found += bytes ? 1 : 0;
    }
    bool clean = true;
    for (const auto& item : fs::recursive_directory_iterator(folder.path()))
      clean = clean && !item.path().filename().string().starts_with(kTemporaryPrefix);
    return stored > 0 && stored < 10 && found == stored && whole && clean &&
           cache->stats().damaged == 0 &&
           cache->stats().problem.find("No space") != std::string::npos;
  });
  EXPECT_EQ(wait_for(child), 0);
}

}  // namespace
}  // namespace policyc::backend
