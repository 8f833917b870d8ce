#include "loader/sockets/namespaces.h"

#include <cerrno>
#include <filesystem>
#include <set>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "loader/bpf/log.h"

namespace policyc::sockets {
namespace fs = std::filesystem;
namespace {

class Collector {
 public:
  // Nothing happens when it is gone, or is no namespace.
  void add(const fs::path& path) {
    // Without opening it first: most processes share one.
    struct stat found{};
    if (::stat(path.c_str(), &found) != 0 || seen_.contains({found.st_dev, found.st_ino})) return;
    bpf::Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    struct statfs mount{};
    if (!fd.valid() || ::fstatfs(fd.get(), &mount) != 0 ||
        static_cast<unsigned long>(mount.f_type) != NSFS_MAGIC || ::fstat(fd.get(), &found) != 0)
      return;
    if (seen_.insert({found.st_dev, found.st_ino}).second) result.push_back(std::move(fd));
  }

  std::vector<bpf::Fd> result;

 private:
  std::set<std::pair<dev_t, ino_t>> seen_;
};

bool is_number(const std::string& name) {
  return !name.empty() && name.find_first_not_of("0123456789") == std::string::npos;
}

}  // namespace

std::vector<bpf::Fd> network_namespaces() {
  Collector collector;
  std::error_code error;
  for (fs::directory_iterator entry("/proc", error), end; !error && entry != end;
       entry.increment(error)) {
    if (is_number(entry->path().filename().string())) collector.add(entry->path() / "ns/net");
  }
  error.clear();
  for (fs::directory_iterator entry("/run/netns", error), end; !error && entry != end;
       entry.increment(error)) {
    collector.add(entry->path());
  }
  return std::move(collector.result);
}

Result<void> run_inside(const bpf::Fd& network, const std::function<Result<void>()>& action) {
  Result<void> result;
  std::thread worker([&] {
    if (::setns(network.get(), CLONE_NEWNET) != 0) {
      result = bpf::fail_errno("enter a network namespace", errno);
      return;
    }
    result = action();
  });
  worker.join();
  return result;
}

}  // namespace policyc::sockets
