#include "cli/demo/netns.h"

#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include "cli/demo/process.h"

namespace policyc::demo {
namespace {

Result<bpf::Fd> open_read(const std::string& path) {
  bpf::Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return fail(path + ": " + std::strerror(errno));
  return fd;
}

}  // namespace

Result<NetworkNamespace> NetworkNamespace::create(std::string name) {
  if (auto made = run_program({"ip", "netns", "add", name}); !made)
    return std::unexpected(made.error());
  NetworkNamespace result(std::move(name));
  auto fd = open_read(std::string(kNamespaceFolder) + "/" + result.name_);
  if (!fd) return std::unexpected(fd.error());
  result.fd_ = std::move(*fd);
  return result;
}

NetworkNamespace::NetworkNamespace(NetworkNamespace&& other) noexcept
    : name_(std::exchange(other.name_, {})), fd_(std::move(other.fd_)) {}

NetworkNamespace& NetworkNamespace::operator=(NetworkNamespace&& other) noexcept {
  if (this != &other) {
    remove();
    name_ = std::exchange(other.name_, {});
    fd_ = std::move(other.fd_);
  }
  return *this;
}

NetworkNamespace::~NetworkNamespace() { remove(); }

void NetworkNamespace::remove() noexcept {
  if (name_.empty()) return;
  fd_.reset();
  // What cannot be removed now is removed by the next demo (leftovers.h).
  static_cast<void>(run_program({"ip", "netns", "delete", name_}));
  name_.clear();
}

Result<void> NetworkNamespace::ip_batch(const std::string& commands) const {
  return run_program({"ip", "-n", name_, "-batch", "-"}, commands);
}

Result<NamespaceScope> NamespaceScope::enter(int namespace_fd) {
  auto before = open_read("/proc/thread-self/ns/net");
  if (!before) return std::unexpected(before.error());
  if (::setns(namespace_fd, CLONE_NEWNET) != 0)
    return fail(std::string("setns: ") + std::strerror(errno));
  return NamespaceScope(std::move(*before));
}

NamespaceScope::~NamespaceScope() {
  if (before_.valid()) static_cast<void>(::setns(before_.get(), CLONE_NEWNET));
}

Result<void> set_sysctl(const std::string& path, const std::string& value) {
  const std::string file = "/proc/sys/" + path;
  const bpf::Fd fd(::open(file.c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd.valid() ||
      ::write(fd.get(), value.data(), value.size()) != static_cast<ssize_t>(value.size())) {
    return fail(file + ": " + std::strerror(errno));
  }
  return {};
}

}  // namespace policyc::demo
