#include "loader/sockets/cgroup.h"

#include <cerrno>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>

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

// How far above the root of this process's cgroup namespace a mount begins: 0 for "/", 2 for
// "/../.."; nothing for one that begins below.
std::optional<std::size_t> height_of(const std::string& root) {
  constexpr std::string_view kUp = "/..";
  if (root == "/") return 0;
  for (std::size_t i = 0; i < root.size(); i += kUp.size()) {
    if (root.compare(i, kUp.size(), kUp) != 0) return std::nullopt;
  }
  return root.size() / kUp.size();
}

}  // namespace

std::optional<std::filesystem::path> highest_cgroup(std::istream& mountinfo) {
  std::optional<std::filesystem::path> result;
  std::size_t highest = 0;
  std::string line;
  while (std::getline(mountinfo, line)) {
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
    if (type != "cgroup2") continue;
    const auto height = height_of(root);
    if (!height || (result && *height <= highest)) continue;
    result = unescape(mount_point);
    highest = *height;
  }
  return result;
}

Result<std::filesystem::path> root_cgroup() {
  std::ifstream file("/proc/self/mountinfo");
  if (auto found = highest_cgroup(file)) return *found;
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
