#include "loader/bpf/bpffs.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <system_error>

#include <bpf/bpf.h>
#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "loader/bpf/log.h"

namespace policyc::bpf {
namespace fs = std::filesystem;
namespace {

bool has_bpffs(const fs::path& existing) {
  struct statfs status{};
  return ::statfs(existing.c_str(), &status) == 0 &&
         static_cast<unsigned long>(status.f_type) == BPF_FS_MAGIC;
}

bool below_default_mount(const fs::path& path) {
  const auto relative = path.lexically_normal().lexically_relative(kBpffsMount);
  return !relative.empty() && *relative.begin() != "..";
}

bool in_private_mount_namespace() {
  struct stat own{};
  struct stat first{};
  return ::stat("/proc/self/ns/mnt", &own) == 0 && ::stat("/proc/1/ns/mnt", &first) == 0 &&
         own.st_ino != first.st_ino;
}

}  // namespace

bool is_on_bpffs(const fs::path& path) {
  fs::path existing = path;
  std::error_code error;
  while (!fs::exists(existing, error) && existing.has_relative_path())
    existing = existing.parent_path();
  return has_bpffs(existing);
}

Result<void> ensure_directory(const fs::path& directory) {
  if (!is_on_bpffs(directory)) {
    if (!below_default_mount(directory))
      return fail(directory.string() + " is not on a BPF file system");
    if (in_private_mount_namespace()) {
      return fail(std::string("no BPF file system at ") + kBpffsMount +
                  " in this mount namespace, and what is pinned in one mounted here would vanish "
                  "with it; `ip netns exec`"
                  " makes such a namespace, `nsenter --net=/run/netns/NAME` does not");
    }
    if (::mount("bpf", kBpffsMount, "bpf", 0, "mode=0700") != 0) {
      return fail_errno(std::string("mount a BPF file system at ") + kBpffsMount, errno);
    }
  }
  std::error_code error;
  fs::create_directories(directory, error);
  if (error) return fail("cannot make directory " + directory.string() + ": " + error.message());
  return {};
}

Result<void> pin(int fd, const fs::path& path) {
  const int status = bpf_obj_pin(fd, path.c_str());
  if (status != 0) return fail_errno("pin at " + path.string(), status);
  return {};
}

fs::path half_replaced(const fs::path& path) { return path.string() + "_new"; }

Result<void> pin_replacing(int fd, const fs::path& path) {
  const fs::path fresh = half_replaced(path);
  if (auto removed = unpin(fresh); !removed) return removed;
  if (auto pinned = pin(fd, fresh); !pinned) return pinned;
  return bpf::rename(fresh, path);
}

Result<Fd> open_pinned(const fs::path& path) {
  const int fd = bpf_obj_get(path.c_str());
  if (fd < 0) return fail_errno("open the pin " + path.string(), fd);
  return Fd(fd);
}

Result<void> unpin(const fs::path& path) {
  if (::unlink(path.c_str()) != 0 && errno != ENOENT)
    return fail_errno("remove the pin " + path.string(), errno);
  return {};
}

Result<void> rename(const fs::path& from, const fs::path& to) {
  if (std::rename(from.c_str(), to.c_str()) != 0) {
    return fail_errno("rename " + from.string() + " to " + to.string(), errno);
  }
  return {};
}

Result<void> remove_tree(const fs::path& directory) {
  std::error_code error;
  fs::remove_all(directory, error);
  if (error) return fail("cannot remove " + directory.string() + ": " + error.message());
  return {};
}

Result<void> remove_at_once(const fs::path& directory) {
  if (!bpf::exists(directory) || directory.string().ends_with(kHalfMade))
    return remove_tree(directory);
  const fs::path aside = directory.string() + std::string(kHalfMade);
  if (auto removed = remove_tree(aside); !removed) return removed;
  if (auto moved = bpf::rename(directory, aside); !moved) return moved;
  return remove_tree(aside);
}

std::vector<std::string> list(const fs::path& directory) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end;
       entry.increment(error)) {
    names.push_back(entry->path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

bool exists(const fs::path& path) {
  std::error_code error;
  return fs::exists(path, error);
}

}  // namespace policyc::bpf
