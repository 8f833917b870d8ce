#pragma once
// Network namespaces (network_namespaces(7)) of this thread and of containers.

#include <functional>
#include <string>

#include "loader/bpf/fd.h"
#include "loader/cni/error.h"

namespace policyc::cni {

class Namespace {
 public:
  // A Failure (UnknownContainer) when there is none at the path, or when it is this thread's own.
  [[nodiscard]] static Expected<Namespace> open(const std::string& path);
  [[nodiscard]] int fd() const { return fd_.get(); }
  // Runs `action` with this thread inside. A process that cannot come back ends.
  [[nodiscard]] Expected<void> run(const std::function<Expected<void>()>& action) const;

 private:
  bpf::Fd fd_;
};

// Writes /proc/sys/net/NAME of the namespace of this thread, unless it says so already. Fine when
// there is no such file, as without IPv6.
[[nodiscard]] Expected<void> set_sysctl(const std::string& name, const std::string& value);

}  // namespace policyc::cni
