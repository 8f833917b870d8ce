#include "loader/kernel/features.h"

#include <algorithm>

#include <linux/bpf.h>

#include "loader/kernel/probes.h"

namespace policyc::kernel {
namespace {

struct Row {
  std::string_view name;
  Need need;
  bool (*probe)();
  std::string_view used_for;
  std::string_view cost;
  std::string_view fix;
};

constexpr std::string_view kNothingLoads = "nothing can be loaded";

constexpr Row kRows[] = {
    {"programs of type sched_cls", Need::Required, loads_programs, "every program", kNothingLoads,
     "a kernel with CONFIG_BPF_SYSCALL and CONFIG_NET_CLS_ACT; no lockdown of BPF"},
    {"global functions of pointers", Need::Required, has_functions_of_pointers,
     "the datapath's parts that are verified apart", kNothingLoads, "Linux 5.12 or newer"},
    {"atomic compare-and-exchange", Need::Required, has_compare_and_exchange,
     "the tables of connections", kNothingLoads, "Linux 5.12 or newer"},
    {"tail calls beside functions", Need::Required, has_tail_calls_beside_functions,
     "the way from the datapath to a policy and back", kNothingLoads,
     "Linux 5.10 or newer with the JIT on"},
    {"JIT", Need::Required, compiles_programs, "programs as machine code", kNothingLoads,
     "sysctl net.core.bpf_jit_enable=1"},
    {"array, hash and program array maps", Need::Required,
     [] { return has_maps({BPF_MAP_TYPE_ARRAY, BPF_MAP_TYPE_HASH, BPF_MAP_TYPE_PROG_ARRAY}); },
     "endpoints, IP cache, rows, policies", kNothingLoads, "a kernel with CONFIG_BPF_SYSCALL"},
    {"LRU hash maps", Need::Required, [] { return has_maps({BPF_MAP_TYPE_LRU_HASH}); },
     "connections, fragments", kNothingLoads, "Linux 4.10 or newer"},
    {"LPM tries", Need::Required, [] { return has_maps({BPF_MAP_TYPE_LPM_TRIE}); },
     "prefixes of the IP cache", kNothingLoads, "Linux 4.11 or newer"},
    {"per-CPU maps", Need::Required,
     [] { return has_maps({BPF_MAP_TYPE_PERCPU_ARRAY, BPF_MAP_TYPE_PERCPU_HASH}); },
     "counters, what a packet takes through tail calls", kNothingLoads, "Linux 4.6 or newer"},
    {"arrays mapped into memory", Need::Required, has_mappable_arrays, "events", kNothingLoads,
     "Linux 5.5 or newer"},
    {"bpf_jiffies64", Need::Required, [] { return has_helpers({BPF_FUNC_jiffies64}); },
     "lifetimes of connections", kNothingLoads, "Linux 5.6 or newer"},
    {"batches of map entries", Need::Required, has_batches, "rows are written, tables counted",
     "load and status fail", "Linux 5.6 or newer"},
    {"BPF file system", Need::Required, knows_bpffs, "pins: what is loaded outlives policyc",
     "load fails", "a kernel with CONFIG_BPF_SYSCALL"},
    {"BPF file system mounted", Need::Optional, has_bpffs_mounted, "pins below /sys/fs/bpf",
     "load mounts it, but not in a private mount namespace", "mount -t bpf bpf /sys/fs/bpf"},
    {"tcx", Need::Optional, has_tcx, "attachment by links, first of all, replaced in one step",
     "clsact takes its place: priority 1 and handle 1 must be free", "Linux 6.6 or newer"},
    {"clsact", Need::Optional, has_clsact, "attachment where tcx is missing, or --attach clsact",
     "with tcx nothing; without tcx nothing can be attached", "modules sch_ingress and cls_bpf"},
    {"coarse clock", Need::Optional, has_coarse_clock, "the time of events",
     "the fine clock is read, once in a tick of each CPU", "Linux 5.11 or newer"},
    {"bpf_redirect_peer", Need::Optional, has_redirect_peer,
     "packets between endpoints of the node, past the host's stack", "they take the host's stack",
     "Linux 5.10 or newer"},
    {"membarrier of all threads", Need::Optional, has_global_membarrier,
     "waiting until no CPU runs an old policy", "each change waits 50 ms instead",
     "a kernel with CONFIG_MEMBARRIER, and without nohz_full"},
    {"expedited grace periods", Need::Optional, can_expedite_grace_periods, "fast changes",
     "about 20 ms for each interface that gets tcx programs for the first time",
     "/sys mounted read-write"},
    {"test runs", Need::Optional, runs_test_packets,
     "policyc verify, policyc eval --engine=compiled", "these two fail", "Linux 4.12 or newer"},
    {"bpf_redirect_neigh", Need::Optional, [] { return has_helpers({BPF_FUNC_redirect_neigh}); },
     "--egress-delivery: out of a device whose neighbour is not known yet",
     "with bpf_redirect_peer missing too: everything by the host's stack", "Linux 5.10 or newer"},
    {"bpf_fib_lookup", Need::Required, [] { return has_helpers({BPF_FUNC_fib_lookup}); },
     "--egress-delivery: the node's routes", kNothingLoads, "Linux 4.18 or newer"},
    {"BTF of the kernel", Need::Optional, has_kernel_types,
     "sockets of removed backends are found by an iterator", "they are listed by netlink",
     "a kernel with CONFIG_DEBUG_INFO_BTF"},
    {"cgroup2 mounted", Need::Optional, has_cgroup2_mounted, "load balancing of sockets",
     "packets to services are translated one by one", "mount -t cgroup2 cgroup2 /sys/fs/cgroup"},
    {"errors of socket programs", Need::Optional, has_socket_errors,
     "EHOSTUNREACH, ECONNREFUSED and EADDRINUSE of sockets that ask for services",
     "what is refused to a socket is EPERM", "Linux 6.1 or newer"},
};

}  // namespace

std::string_view need_name(Need need) {
  switch (need) {
    case Need::Required:
      return "required";
    case Need::Optional:
      return "optional";
    case Need::Unused:
      break;
  }
  return "unused";
}

std::vector<Feature> probe_features() {
  std::vector<Feature> features;
  const bool tcx = has_tcx();
  for (const Row& row : kRows) {
    // One of the two hooks must be there.
    const bool last_hook = row.probe == has_clsact && !tcx;
    features.push_back({row.name, last_hook ? Need::Required : row.need, row.probe(), row.used_for,
                        row.cost, row.fix});
  }
  return features;
}

bool is_ready(std::span<const Feature> features) {
  return std::ranges::all_of(features, [](const Feature& feature) {
    return feature.present || feature.need != Need::Required;
  });
}

}  // namespace policyc::kernel
