#include "loader/sockets/cgroup.h"

#include <cerrno>
#include <fstream>
#include <sstream>
#include <string>

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "loader/bpf/log.h"

namespace policyc::sockets {
namespace {

// Spaces, tabs, newlines and backslashes stand in mountinfo as a backslash and three octal digits.
std::string unescape(const std::string& text) {
  constexpr std::size_t kDigits = 3;
  const auto is_octal = [](char c) { return c >= '0' && c <= '7'; };
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + kDigits < text.size() && is_octal(text[i + 1]) &&
        is_octal(text[i + 2]) && is_octal(text[i + 3])) {
      result += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 +
                                  (text[i + 3] - '0'));
      i += kDigits;
    } else {
      result += text[i];
    }
  }
  return result;
}

}  // namespace

Result<std::filesystem::path> root_cgroup() {
  std::ifstream file("/proc/self/mountinfo");
  std::string line;
  while (std::getline(file, line)) {
    // "id parent major:minor root mount-point options [fields...] - type source options"
    std::istringstream words(line);
    std::string skipped;
    std::string root;
    std::string mount_point;
    std::string type;
    words >> skipped >> skipped >> skipped >> root >> mount_point;
    while (words >> skipped && skipped != "-") {
    }
    words >> type;
    if (type == "cgroup2" && root == "/") return unescape(mount_point);
  }
  return fail("no cgroup2 file system is mounted: mount -t cgroup2 cgroup2 /sys/fs/cgroup");
}

Result<Cgroup> open_cgroup(const std::filesystem::path& path) {
  bpf::Fd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid()) return bpf::fail_errno("open cgroup " + path.string(), errno);
  struct statfs mount{};
  if (::fstatfs(fd.get(), &mount) != 0 ||
      static_cast<unsigned long>(mount.f_type) != CGROUP2_SUPER_MAGIC)
    return fail(path.string() + " is not in a cgroup2 file system");
  struct stat directory{};
  if (::fstat(fd.get(), &directory) != 0)
    return bpf::fail_errno("look at cgroup " + path.string(), errno);
  return Cgroup{std::move(fd), directory.st_ino};
}

}  // namespace policyc::sockets
