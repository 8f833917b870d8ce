#include "loader/endpoint/files.h"

#include <cerrno>
#include <cstdio>
#include <system_error>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "loader/bpf/log.h"

namespace policyc::endpoint {
namespace fs = std::filesystem;
using bpf::fail_errno;
using bpf::Fd;

Result<std::optional<std::string>> read_file(const fs::path& path) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid() && errno == ENOENT) return std::nullopt;
  if (!file.valid()) return fail_errno("open " + path.string(), errno);
  std::string content;
  char buffer[8192];
  while (true) {
    const ssize_t got = ::read(file.get(), buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail_errno("read " + path.string(), errno);
    if (got == 0) return content;
    content.append(buffer, static_cast<std::size_t>(got));
  }
}

Result<void> write_file(const fs::path& path, std::string_view content, Flush flush) {
  const fs::path fresh = path.string() + ".new";
  Fd file(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!file.valid()) return fail_errno("write " + fresh.string(), errno);
  while (!content.empty()) {
    const ssize_t written = ::write(file.get(), content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return fail_errno("write " + fresh.string(), errno);
    content.remove_prefix(static_cast<std::size_t>(written));
  }
  const bool flushed = flush == Flush::Yes;
  if (flushed && ::fsync(file.get()) != 0) return fail_errno("flush " + fresh.string(), errno);
  file.reset();
  if (std::rename(fresh.c_str(), path.c_str()) != 0)
    return fail_errno("rename " + fresh.string(), errno);
  if (!flushed) return {};
  const Fd directory(::open(path.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.valid() || ::fsync(directory.get()) != 0) {
    return fail_errno("flush " + path.parent_path().string(), errno);
  }
  return {};
}

FileStamp stamp_of(const fs::path& path) {
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0) return {};
  constexpr std::int64_t kSecond = 1'000'000'000;
  return {info.st_ino, info.st_ctim.tv_sec * kSecond + info.st_ctim.tv_nsec, info.st_size};
}

Result<void> remove_file(const fs::path& path) {
  std::error_code error;
  fs::remove(path, error);
  if (error) return fail("cannot remove " + path.string() + ": " + error.message());
  return {};
}

Result<void> make_directory(const fs::path& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error) return fail("cannot make directory " + path.string() + ": " + error.message());
  return {};
}

Result<Fd> lock_directory(const fs::path& directory) {
  if (auto made = make_directory(directory); !made) return std::unexpected(made.error());
  const fs::path path = directory / "lock";
  Fd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!file.valid()) return fail_errno("open " + path.string(), errno);
  while (::flock(file.get(), LOCK_EX) != 0) {
    if (errno != EINTR) return fail_errno("lock " + path.string(), errno);
  }
  return file;
}

}  // namespace policyc::endpoint
