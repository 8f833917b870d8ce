#pragma once
// The folder of an object cache: who may own it, its lock, what lies in it, and making room. Part
// of cache.cpp.
//
//   <folder>/lock              flock()ed by who changes what is there; holds the totals
//   <folder>/ab/<62 hex>       an entry; its key is "ab" and the name
//   <folder>/ab/.tmp-<...>     an entry being written
//
// Names of any other kind are somebody else's and are never touched.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/support/result.h"

namespace policyc::backend {

class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int fd) : fd_(fd) {}
  FileDescriptor(FileDescriptor&& other) noexcept;
  FileDescriptor& operator=(FileDescriptor&& other) noexcept;
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  ~FileDescriptor();

  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] bool valid() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

struct CacheLimits {
  std::uint64_t max_bytes = std::uint64_t{256} << 20U;  // of all entries, with their headers
  std::uint64_t max_entries = 16384;
};

struct CacheUsage {
  std::uint64_t entries = 0;
  std::uint64_t bytes = 0;
};

inline constexpr std::string_view kTemporaryPrefix = ".tmp-";

// "<what>: <errno's text>".
[[nodiscard]] Error system_error(std::string_view what);

// Opens the folder, made with mode 0700 where it or one above it is missing. Refused when another
// user (but root) owns it or others may write to it: whoever can write there decides what the
// kernel is given.
[[nodiscard]] Result<FileDescriptor> open_cache_folder(const std::string& path);

// The lock of the folder; waits for at most two seconds. Held until it goes out of scope.
class FolderLock {
 public:
  [[nodiscard]] static Result<FolderLock> take(int folder);

  // Evicts, least recently used first, until an entry of that size fits, and counts it in;
  // `replaced` is the size of the entry that it takes the place of, 0 for none. Returns the number
  // of entries evicted. Leftovers of writers that died more than an hour ago go away on the way.
  [[nodiscard]] Result<std::uint64_t> make_room(std::uint64_t size, std::uint64_t replaced,
                                                const CacheLimits& limits);
  // Removes every entry, and leftovers. Returns what was there.
  [[nodiscard]] Result<CacheUsage> clear();

 private:
  FolderLock(int folder, FileDescriptor file) : folder_(folder), file_(std::move(file)) {}

  int folder_;
  FileDescriptor file_;
};

// Counts what is there.
[[nodiscard]] Result<CacheUsage> folder_usage(int folder);

}  // namespace policyc::backend
