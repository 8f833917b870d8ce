// What is not BPF itself: file systems, system calls, settings.

#include <fstream>
#include <string>

#include <linux/magic.h>
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "loader/bpf/bpffs.h"
#include "loader/kernel/features.h"
#include "loader/kernel/probes.h"

namespace policyc::kernel {

std::string release() {
  utsname name{};
  return ::uname(&name) == 0 ? name.release : "unknown";
}

bool knows_bpffs() {
  std::ifstream file("/proc/filesystems");
  std::string word;
  while (file >> word) {
    if (word == "bpf") return true;
  }
  return false;
}

bool has_bpffs_mounted() { return bpf::is_on_bpffs(bpf::kBpffsMount); }

bool has_kernel_types() { return ::access("/sys/kernel/btf/vmlinux", R_OK) == 0; }

bool has_cgroup2_mounted() {
  for (const char* path : {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"}) {
    struct statfs status{};
    if (::statfs(path, &status) == 0 &&
        static_cast<unsigned long>(status.f_type) == CGROUP2_SUPER_MAGIC)
      return true;
  }
  return false;
}

bool has_global_membarrier() {
  const long commands = ::syscall(__NR_membarrier, MEMBARRIER_CMD_QUERY, 0, 0);
  return commands > 0 && (commands & MEMBARRIER_CMD_GLOBAL) != 0;
}

bool can_expedite_grace_periods() { return ::access("/sys/kernel/rcu_expedited", W_OK) == 0; }

}  // namespace policyc::kernel
