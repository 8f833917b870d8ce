#include "compiler/backend/cache_folder.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <memory>
#include <utility>

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace policyc::backend {
namespace {

constexpr std::time_t kLeftoverSeconds = 3600;
constexpr int kLockTries = 400;
constexpr long kLockPauseNanoseconds = 5'000'000;
constexpr std::size_t kShardDigits = 2;
constexpr std::size_t kNameDigits = 62;

bool is_hex(std::string_view text) {
  return std::ranges::all_of(
      text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool is_before(const timespec& a, const timespec& b) {
  return std::pair(a.tv_sec, a.tv_nsec) < std::pair(b.tv_sec, b.tv_nsec);
}

struct Entry {
  std::string path;  // relative to the folder
  std::uint64_t size = 0;
  timespec used{};
};

struct Content {
  std::vector<Entry> entries;
  std::vector<std::string> leftovers;

  [[nodiscard]] CacheUsage usage() const {
    CacheUsage usage{.entries = entries.size(), .bytes = 0};
    for (const auto& entry : entries) {
      usage.bytes += entry.size;
    }
    return usage;
  }
};

// Calls `visit` with the names in a folder below `parent`; nothing when it is not a folder.
template <class Visit>
void for_each_name(int parent, const char* name, Visit visit) {
  const int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) {
    return;
  }
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(fdopendir(fd), closedir);
  if (!folder) {
    close(fd);
    return;
  }
  while (const dirent* entry = readdir(folder.get())) {
    visit(std::string(entry->d_name));
  }
}

Content list(int folder) {
  Content content;
  const std::time_t now = std::time(nullptr);
  std::vector<std::string> shards;
  for_each_name(folder, ".", [&](const std::string& name) {
    if (name.size() == kShardDigits && is_hex(name)) {
      shards.push_back(name);
    }
  });
  for (const auto& shard : shards) {
    for_each_name(folder, shard.c_str(), [&](const std::string& name) {
      const bool entry = name.size() == kNameDigits && is_hex(name);
      struct stat status{};
      const std::string path = shard + "/" + name;
      if ((!entry && !name.starts_with(kTemporaryPrefix)) ||
          fstatat(folder, path.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0 ||
          S_ISDIR(status.st_mode)) {
        return;
      }
      if (entry) {
        content.entries.push_back({.path = path,
                                   .size = static_cast<std::uint64_t>(status.st_size),
                                   .used = status.st_mtim});
      } else if (now - status.st_mtim.tv_sec > kLeftoverSeconds) {
        content.leftovers.push_back(path);
      }
    });
  }
  return content;
}

void remove_leftovers(int folder, const Content& content) {
  for (const auto& path : content.leftovers) {
    unlinkat(folder, path.c_str(), 0);
  }
}

// What the lock file says of the folder, so that a put need not look at every entry. It may say too
// much (an entry was removed, a writer died): then the folder is counted, earlier than needed. It
// never says too little.
struct Totals {
  CacheUsage usage;
  std::time_t counted = 0;

  [[nodiscard]] std::string text() const {
    return "policyc cache 1: " + std::to_string(usage.entries) + " entries, " +
           std::to_string(usage.bytes) + " bytes, counted " + std::to_string(counted) + "\n";
  }
};

// Nothing that is not exactly as it was written counts.
bool read_totals(int file, Totals& totals) {
  std::array<char, 256> text{};
  const ssize_t size = pread(file, text.data(), text.size() - 1, 0);
  unsigned long long entries = 0;
  unsigned long long bytes = 0;
  long long counted = 0;
  if (size <= 0 ||
      std::sscanf(text.data(), "policyc cache 1: %llu entries, %llu bytes, counted %lld", &entries,
                  &bytes, &counted) != 3) {
    return false;
  }
  totals = {.usage = {.entries = entries, .bytes = bytes}, .counted = counted};
  return totals.text() == text.data();
}

bool write_totals(int file, const Totals& totals) {
  const std::string text = totals.text();
  return pwrite(file, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()) &&
         ftruncate(file, static_cast<off_t>(text.size())) == 0;
}

Result<void> make_folders(const std::string& path) {
  for (std::size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
    const std::string part = path.substr(0, end);
    if (mkdir(part.c_str(), S_IRWXU) != 0 && errno != EEXIST && end == std::string::npos) {
      return std::unexpected(system_error(path));
    }
    if (end == std::string::npos) {
      return {};
    }
  }
}

}  // namespace

FileDescriptor::FileDescriptor(FileDescriptor&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)) {}

FileDescriptor& FileDescriptor::operator=(FileDescriptor&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

FileDescriptor::~FileDescriptor() {
  if (fd_ >= 0) {
    close(fd_);
  }
}

Error system_error(std::string_view what) {
  return Error{std::string(what) + ": " + std::strerror(errno)};
}

Result<FileDescriptor> open_cache_folder(const std::string& path) {
  if (path.empty()) {
    return fail("the cache folder has no name");
  }
  FileDescriptor folder(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder.valid() && errno == ENOENT) {
    if (auto made = make_folders(path); !made) {
      return std::unexpected(made.error());
    }
    folder = FileDescriptor(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }
  struct stat status{};
  if (!folder.valid() || fstat(folder.get(), &status) != 0) {
    return std::unexpected(system_error(path));
  }
  if (status.st_uid != geteuid() && status.st_uid != 0) {
    return fail(path + ": belongs to another user (uid " + std::to_string(status.st_uid) + ")");
  }
  if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return fail(path + ": other users may write to it (chmod go-w)");
  }
  return folder;
}

Result<FolderLock> FolderLock::take(int folder) {
  FileDescriptor file(
      openat(folder, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600));
  struct stat status{};
  if (!file.valid() || fstat(file.get(), &status) != 0) {
    return std::unexpected(system_error("lock"));
  }
  if (!S_ISREG(status.st_mode)) {
    return fail("lock: not a file");
  }
  for (int i = 0; i < kLockTries; ++i) {
    if (flock(file.get(), LOCK_EX | LOCK_NB) == 0) {
      return FolderLock(folder, std::move(file));
    }
    if (errno != EWOULDBLOCK && errno != EINTR) {
      return std::unexpected(system_error("lock"));
    }
    const timespec pause{.tv_sec = 0, .tv_nsec = kLockPauseNanoseconds};
    nanosleep(&pause, nullptr);
  }
  return fail("lock: another process holds it");
}

Result<std::uint64_t> FolderLock::make_room(std::uint64_t size, std::uint64_t replaced,
                                            const CacheLimits& limits) {
  const std::time_t now = std::time(nullptr);
  const auto fits = [size](const CacheUsage& usage, std::uint64_t bytes, std::uint64_t entries) {
    return usage.bytes + size <= bytes && usage.entries + 1 <= entries;
  };
  Totals totals;
  const bool known = read_totals(file_.get(), totals) && now >= totals.counted &&
                     now - totals.counted <= kLeftoverSeconds;
  std::uint64_t evicted = 0;
  if (known && replaced != 0) {
    totals.usage.bytes -= std::min(totals.usage.bytes, replaced);
    totals.usage.entries -= std::min<std::uint64_t>(totals.usage.entries, 1);
  }
  if (!known || !fits(totals.usage, limits.max_bytes, limits.max_entries)) {
    Content content = list(folder_);
    remove_leftovers(folder_, content);
    totals = {.usage = content.usage(), .counted = now};
    if (!fits(totals.usage, limits.max_bytes, limits.max_entries)) {
      // A tenth more than needed, so that not every put has to count.
      const std::uint64_t bytes =
          std::max(limits.max_bytes - limits.max_bytes / 10, std::min(size, limits.max_bytes));
      const std::uint64_t entries = limits.max_entries - limits.max_entries / 10;
      std::ranges::sort(content.entries, [](const Entry& a, const Entry& b) {
        return is_before(a.used, b.used) || (!is_before(b.used, a.used) && a.path < b.path);
      });
      for (const auto& entry : content.entries) {
        if (fits(totals.usage, bytes, entries)) {
          break;
        }
        if (unlinkat(folder_, entry.path.c_str(), 0) == 0 || errno == ENOENT) {
          totals.usage.bytes -= entry.size;
          totals.usage.entries -= 1;
          evicted += 1;
        }
      }
    }
    if (!fits(totals.usage, limits.max_bytes, limits.max_entries)) {
      return fail("no room: old entries cannot be removed");
    }
  }
  totals.usage.bytes += size;
  totals.usage.entries += 1;
  // Before the entry appears: a writer that dies in between leaves a number that is too large.
  if (!write_totals(file_.get(), totals)) {
    return std::unexpected(system_error("lock"));
  }
  return evicted;
}

Result<CacheUsage> FolderLock::clear() {
  const Content content = list(folder_);
  remove_leftovers(folder_, content);
  CacheUsage removed;
  for (const auto& entry : content.entries) {
    if (unlinkat(folder_, entry.path.c_str(), 0) != 0 && errno != ENOENT) {
      return std::unexpected(system_error(entry.path));
    }
    removed.entries += 1;
    removed.bytes += entry.size;
  }
  if (!write_totals(file_.get(), {.usage = {}, .counted = std::time(nullptr)})) {
    return std::unexpected(system_error("lock"));
  }
  return removed;
}

Result<CacheUsage> folder_usage(int folder) { return list(folder).usage(); }

}  // namespace policyc::backend
