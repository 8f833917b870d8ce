#pragma once
// Small files, for loader/ipam alone.

#include <cerrno>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include <fcntl.h>
#include <unistd.h>

#include "compiler/support/result.h"
#include "loader/bpf/fd.h"

namespace policyc::ipam {

[[nodiscard]] inline std::unexpected<Error> fail_errno(const std::string& what, int number) {
  return fail("cannot " + what + ": " + std::system_category().message(number));
}

// Nothing when there is no such file.
[[nodiscard]] inline Result<std::optional<std::string>> read_file(
    const std::filesystem::path& path) {
  const bpf::Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid() && errno == ENOENT) return std::nullopt;
  if (!file.valid()) return fail_errno("open " + path.string(), errno);
  std::string content(4096, '\0');
  std::size_t size = 0;
  while (true) {
    const ssize_t got = ::read(file.get(), content.data() + size, content.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail_errno("read " + path.string(), errno);
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
    if (size == content.size()) content.resize(size * 2);
  }
  content.resize(size);
  return content;
}

// Written beside it and renamed: there in full or not at all.
[[nodiscard]] inline Result<void> write_file(const std::filesystem::path& path,
                                             std::string_view content) {
  const std::string fresh = path.string() + ".new";
  const bpf::Fd file(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!file.valid()) return fail_errno("write " + fresh, errno);
  while (!content.empty()) {
    const ssize_t written = ::write(file.get(), content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return fail_errno("write " + fresh, errno);
    content.remove_prefix(static_cast<std::size_t>(written));
  }
  if (::rename(fresh.c_str(), path.c_str()) != 0) return fail_errno("rename " + fresh, errno);
  return {};
}

}  // namespace policyc::ipam
