#pragma once
// A file's content, only when nobody is writing it.

#include <cstddef>
#include <cstdint>
#include <string>

#include <sys/stat.h>

namespace policyc::watch {

// What tells one state of a file from another without reading it. Times in nanoseconds since 1970.
struct FileIdentity {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::uint64_t size = 0;
  std::int64_t modified = 0;
  std::int64_t changed = 0;
  friend bool operator==(const FileIdentity&, const FileIdentity&) = default;
};
[[nodiscard]] FileIdentity identity_of(const struct stat& status);

enum class ReadState : std::uint8_t {
  Complete,      // `content` is what the last writer left
  BeingWritten,  // somebody has it open for writing, or may have: ask again
  Missing,
  Unusable,  // `error` says why
};

struct FileRead {
  ReadState state = ReadState::Missing;
  bool is_link = false;       // the path is a symbolic link
  bool is_directory = false;  // Missing for that reason
  FileIdentity identity{};
  std::string content{};
  std::string error{};
};

// Whether to ask the kernel for a lease. Never is for tests of what happens where there are none.
enum class Leases : std::uint8_t { Try, Never };
// Whole: whoever wrote the file had finished before it could be seen here.
enum class Arrival : std::uint8_t { Unknown, Whole };

// Reads under a read lease (fcntl(2), F_SETLEASE), which the kernel refuses while the file is open
// for writing; somebody who opens it meanwhile waits until it is read. Where a lease cannot be had
// (NFS, FUSE, another owner's file without CAP_LEASE) a file counts as being written until it has
// not changed for kQuietTime, unless it arrived whole, and when it changes while it is read. Files
// over `limit` bytes, and what is no regular file, are Unusable; a directory is Missing.
[[nodiscard]] FileRead read_complete(const std::string& path, std::size_t limit,
                                     Leases leases = Leases::Try,
                                     Arrival arrival = Arrival::Unknown);

inline constexpr std::int64_t kQuietTime = 1'000'000'000;  // nanoseconds

// Nanoseconds since 1970, of the clock that stamps files.
[[nodiscard]] std::int64_t file_clock_now();

}  // namespace policyc::watch
