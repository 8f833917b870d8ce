#pragma once
// Small files that are there in full or not at all, and the lock that lets one loader work at a
// time.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "compiler/support/result.h"
#include "loader/bpf/fd.h"

namespace policyc::endpoint {

// Nothing when there is no such file.
[[nodiscard]] Result<std::optional<std::string>> read_file(const std::filesystem::path& path);
// Whether a file must outlive the machine's power; one that is not flushed outlives the process.
enum class Flush : std::uint8_t { No, Yes };
// Writes beside it, flushes to disk and renames: a crash leaves the old content or the new one.
[[nodiscard]] Result<void> write_file(const std::filesystem::path& path, std::string_view content,
                                      Flush flush = Flush::Yes);
// Which file stands there, to find out whether another has been put in its place.
struct FileStamp {
  std::uint64_t inode = 0;
  std::int64_t changed = 0;  // nanoseconds
  std::int64_t size = -1;    // -1: there is none
  friend bool operator==(const FileStamp&, const FileStamp&) = default;
};
[[nodiscard]] FileStamp stamp_of(const std::filesystem::path& path);
// Fine when absent.
[[nodiscard]] Result<void> remove_file(const std::filesystem::path& path);
[[nodiscard]] Result<void> make_directory(const std::filesystem::path& path);
// Held until the descriptor closes; the kernel frees it when the process dies. Waits for another
// holder.
[[nodiscard]] Result<bpf::Fd> lock_directory(const std::filesystem::path& directory);

}  // namespace policyc::endpoint
