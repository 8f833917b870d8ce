#include "loader/cni/namespace.h"

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <system_error>

#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

namespace policyc::cni {
namespace {

std::string text(int number) { return std::system_category().message(number); }

bpf::Fd own_namespace() {
  return bpf::Fd(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
}

}  // namespace

Expected<Namespace> Namespace::open(const std::string& path) {
  Namespace result;
  result.fd_ = bpf::Fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!result.fd_.valid())
    return refuse(Code::UnknownContainer, "cannot open the network namespace " + path, text(errno));
  const bpf::Fd own = own_namespace();
  struct stat its{}, mine{};
  if (::fstat(result.fd(), &its) != 0 || ::fstat(own.get(), &mine) != 0)
    return refuse(Code::Io, "cannot look at the network namespace " + path, text(errno));
  if (its.st_dev == mine.st_dev && its.st_ino == mine.st_ino)
    return refuse(Code::BadEnvironment, "CNI_NETNS is the host's network namespace: " + path);
  const auto entered = result.run([]() -> Expected<void> { return {}; });
  if (!entered)
    return refuse(Code::UnknownContainer, "not a network namespace: " + path,
                  entered.error().details);
  return result;
}

Expected<void> Namespace::run(const std::function<Expected<void>()>& action) const {
  const bpf::Fd own = own_namespace();
  if (!own.valid()) return refuse(Code::Io, "cannot open this network namespace", text(errno));
  if (::setns(fd_.get(), CLONE_NEWNET) != 0)
    return refuse(Code::Network, "cannot enter the network namespace", text(errno));
  auto result = action();
  if (::setns(own.get(), CLONE_NEWNET) != 0) {
    std::fputs("cannot leave the container's network namespace\n", stderr);
    std::abort();  // anything further would happen in the wrong place
  }
  return result;
}

Expected<void> set_sysctl(const std::string& name, const std::string& value) {
  const std::string path = "/proc/sys/net/" + name;
  {
    const bpf::Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file.valid() && errno == ENOENT) return {};
    std::array<char, 64> before{};
    const ssize_t size = ::read(file.get(), before.data(), before.size());
    if (size > 0 && std::string(before.data(), static_cast<std::size_t>(size)) == value + "\n")
      return {};
  }
  const bpf::Fd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!file.valid() ||
      ::write(file.get(), value.data(), value.size()) != static_cast<ssize_t>(value.size()))
    return refuse(Code::Network, "cannot set net." + name + " to " + value, text(errno));
  return {};
}

}  // namespace policyc::cni
