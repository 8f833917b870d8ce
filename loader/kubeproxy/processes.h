#pragma once
// Processes that write a kube-proxy's rules.

#include <filesystem>
#include <string>
#include <vector>

#include <sys/types.h>

namespace policyc::kubeproxy {

struct Process {
  pid_t pid = 0;
  std::string name;
  // It is no kube-proxy but holds one, unless it was told not to (k3s, MicroK8s).
  bool embedded = false;
};

// Those of this process's network namespace, by pid. One whose namespace cannot be read counts.
// `proc` is where the proc file system is.
[[nodiscard]] std::vector<Process> find_processes(const std::filesystem::path& proc = "/proc");

}  // namespace policyc::kubeproxy
