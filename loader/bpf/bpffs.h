#pragma once
// The BPF file system: where maps, programs and links outlive the process that made them. Names
// there may not hold dots.

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/support/result.h"
#include "loader/bpf/fd.h"

namespace policyc::bpf {

inline constexpr const char* kBpffsMount = "/sys/fs/bpf";

// Makes `directory` (and its parents) on a BPF file system. Mounts one at /sys/fs/bpf when it is
// missing there, but not inside a private mount namespace, whose end would take every pin (and so
// the policies) away.
[[nodiscard]] Result<void> ensure_directory(const std::filesystem::path& directory);
[[nodiscard]] bool is_on_bpffs(const std::filesystem::path& path);

[[nodiscard]] Result<void> pin(int fd, const std::filesystem::path& path);
// Pins over whatever is there, in one step for a reader of `path`.
[[nodiscard]] Result<void> pin_replacing(int fd, const std::filesystem::path& path);
// Where that leaves the pin if its process dies before the last step.
[[nodiscard]] std::filesystem::path half_replaced(const std::filesystem::path& path);
// The object pinned at `path`; an Error when there is none.
[[nodiscard]] Result<Fd> open_pinned(const std::filesystem::path& path);
[[nodiscard]] Result<void> unpin(const std::filesystem::path& path);  // fine when absent
[[nodiscard]] Result<void> rename(const std::filesystem::path& from,
                                  const std::filesystem::path& to);
[[nodiscard]] Result<void> remove_tree(const std::filesystem::path& directory);  // fine when absent
// The end of the names of folders that nobody uses: half made, or half removed.
inline constexpr std::string_view kHalfMade = "_making";
// The same, but whoever looks at `directory` sees all of it or nothing, also after a process that
// ended in between.
[[nodiscard]] Result<void> remove_at_once(const std::filesystem::path& directory);
// Names in a directory, sorted; none when it is absent.
[[nodiscard]] std::vector<std::string> list(const std::filesystem::path& directory);
[[nodiscard]] bool exists(const std::filesystem::path& path);

}  // namespace policyc::bpf
