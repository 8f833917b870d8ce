#pragma once
// One function for each thing that a kernel may lack; each is true when the thing works. Of this
// folder only.

#include <cstdint>
#include <initializer_list>

namespace policyc::kernel {

// enum bpf_map_type, enum bpf_func_id: numbers, so that whoever includes this needs no kernel
// header.
[[nodiscard]] bool has_maps(std::initializer_list<std::uint32_t> types);
// In programs of type sched_cls.
[[nodiscard]] bool has_helpers(std::initializer_list<std::uint32_t> helpers);

[[nodiscard]] bool loads_programs();
[[nodiscard]] bool compiles_programs();  // to machine code
[[nodiscard]] bool runs_test_packets();
[[nodiscard]] bool has_tail_calls_beside_functions();
[[nodiscard]] bool has_functions_of_pointers();  // global ones, verified apart
[[nodiscard]] bool has_compare_and_exchange();   // atomic, of 8 bytes
[[nodiscard]] bool has_batches();
[[nodiscard]] bool has_mappable_arrays();
// In a network namespace that ends with the probe.
[[nodiscard]] bool has_clsact();

[[nodiscard]] bool knows_bpffs();
[[nodiscard]] bool has_bpffs_mounted();
[[nodiscard]] bool has_cgroup2_mounted();
[[nodiscard]] bool has_kernel_types();  // /sys/kernel/btf/vmlinux
[[nodiscard]] bool has_global_membarrier();
[[nodiscard]] bool can_expedite_grace_periods();

}  // namespace policyc::kernel
