#include "loader/kernel/probes.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <thread>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <sched.h>

#include "loader/bpf/info.h"
#include "loader/bpf/log.h"
#include "loader/bpf/map.h"
#include "loader/kernel/features.h"

namespace policyc::kernel {
namespace {

constexpr int kLoopback = 1;  // its index in every network namespace
constexpr std::uint32_t kWord = sizeof(std::uint32_t);

constexpr bpf_insn kZero{BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, 0};
constexpr bpf_insn kExit{BPF_JMP | BPF_EXIT, 0, 0, 0, 0};

bpf::Fd load(std::span<const bpf_insn> instructions, const bpf_prog_load_opts* options = nullptr) {
  const bpf::LogCapture quiet;
  return bpf::Fd(bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "policyc_probe", "Dual BSD/GPL",
                               instructions.data(), instructions.size(), options));
}

bpf::Fd load_smallest() { return load(std::array{kZero, kExit}); }

bpf::MapHandle make_map(std::uint32_t type, std::uint32_t flags) {
  auto map = bpf::MapHandle::create({"policyc_probe", type, kWord, kWord, 1, flags});
  return map ? std::move(*map) : bpf::MapHandle();
}

bool attaches_to_clsact() {
  const bpf::LogCapture quiet;
  const bpf::Fd program = load_smallest();
  LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = kLoopback, .attach_point = BPF_TC_INGRESS);
  LIBBPF_OPTS(bpf_tc_opts, options, .prog_fd = program.get());
  return program.valid() && bpf_tc_hook_create(&hook) == 0 && bpf_tc_attach(&hook, &options) == 0;
}

}  // namespace

bool has_maps(std::initializer_list<std::uint32_t> types) {
  const bpf::LogCapture quiet;
  return std::ranges::all_of(types, [](std::uint32_t type) {
    return libbpf_probe_bpf_map_type(static_cast<bpf_map_type>(type), nullptr) == 1;
  });
}

bool has_helpers(std::initializer_list<std::uint32_t> helpers) {
  const bpf::LogCapture quiet;
  // libbpf takes a refusal for lack of rights for a helper that is there.
  return loads_programs() && std::ranges::all_of(helpers, [](std::uint32_t helper) {
           return libbpf_probe_bpf_helper(BPF_PROG_TYPE_SCHED_CLS, static_cast<bpf_func_id>(helper),
                                          nullptr) == 1;
         });
}

bool has_tcx() {
  // linux/bpf.h since Linux 6.6.
  constexpr auto kTcxIngress = static_cast<bpf_attach_type>(46);
  std::uint32_t flags = 0;
  std::uint32_t count = 0;
  return bpf_prog_query(kLoopback, kTcxIngress, 0, &flags, nullptr, &count) == 0;
}

bool has_coarse_clock() {
  static const bool present = has_helpers({BPF_FUNC_ktime_get_coarse_ns});
  return present;
}

bool has_redirect_peer() {
  static const bool present = has_helpers({BPF_FUNC_redirect_peer});
  return present;
}

bool has_socket_errors() {
  const bpf::LogCapture quiet;
  static const bool present =
      libbpf_probe_bpf_helper(BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_FUNC_set_retval, nullptr) == 1;
  return present;
}

bool loads_programs() { return load_smallest().valid(); }

bool compiles_programs() {
  const bpf::Fd program = load_smallest();
  if (!program.valid()) return false;
  const auto info = bpf::program_info(program.get());
  return info && info->jited_bytes != 0;
}

bool runs_test_packets() {
  const bpf::Fd program = load_smallest();
  std::array<std::byte, 64> packet{};
  LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = packet.data(),
              .data_size_in = static_cast<std::uint32_t>(packet.size()));
  return program.valid() && bpf_prog_test_run_opts(program.get(), &options) == 0;
}

bool has_tail_calls_beside_functions() {
  const bpf::MapHandle map = make_map(BPF_MAP_TYPE_PROG_ARRAY, 0);
  const std::array instructions{
      bpf_insn{BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_6, BPF_REG_1, 0, 0},
      bpf_insn{BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_CALL, 0, 7},  // of the function at the end
      bpf_insn{BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_1, BPF_REG_6, 0, 0},
      bpf_insn{BPF_LD | BPF_DW | BPF_IMM, BPF_REG_2, BPF_PSEUDO_MAP_FD, 0, map.fd()},
      bpf_insn{0, 0, 0, 0, 0},  // the upper half of the constant
      bpf_insn{BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_3, 0, 0, 0},
      bpf_insn{BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_tail_call},
      kZero,
      kExit,
      kZero,
      kExit,
  };
  return load(instructions).valid();
}

bool has_compare_and_exchange() {
  constexpr std::int16_t kNumber = -8;  // on the stack
  const std::array instructions{
      bpf_insn{BPF_ST | BPF_MEM | BPF_DW, BPF_REG_10, 0, kNumber, 0},
      kZero,
      bpf_insn{BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_1, 0, 0, 1},
      bpf_insn{BPF_STX | BPF_ATOMIC | BPF_DW, BPF_REG_10, BPF_REG_1, kNumber, BPF_CMPXCHG},
      kExit,
  };
  return load(instructions).valid();
}

bool has_functions_of_pointers() {
  const bpf::LogCapture quiet;
  const std::unique_ptr<btf, void (*)(btf*)> types(btf__new_empty(), btf__free);
  if (!types) return false;
  const int integer = btf__add_int(types.get(), "int", kWord, BTF_INT_SIGNED);
  const int pointer = btf__add_ptr(types.get(), integer);
  const int of_nothing = btf__add_func_proto(types.get(), integer);
  const int main = btf__add_func(types.get(), "probe", BTF_FUNC_STATIC, of_nothing);
  const int of_pointer = btf__add_func_proto(types.get(), integer);
  if (btf__add_func_param(types.get(), "number", pointer) != 0) return false;
  const int function = btf__add_func(types.get(), "read", BTF_FUNC_GLOBAL, of_pointer);
  if (main < 0 || function < 0 || btf__load_into_kernel(types.get()) != 0) return false;

  constexpr std::int16_t kNumber = -8;  // on the stack
  const std::array instructions{
      bpf_insn{BPF_ST | BPF_MEM | BPF_DW, BPF_REG_10, 0, kNumber, 0},
      bpf_insn{BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_1, BPF_REG_10, 0, 0},
      bpf_insn{BPF_ALU64 | BPF_ADD | BPF_K, BPF_REG_1, 0, 0, kNumber},
      bpf_insn{BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_CALL, 0, 2},
      kZero,
      kExit,
      // The function; its argument may be null.
      kZero,
      bpf_insn{BPF_JMP | BPF_JEQ | BPF_K, BPF_REG_1, 0, 1, 0},
      bpf_insn{BPF_LDX | BPF_MEM | BPF_W, BPF_REG_0, BPF_REG_1, 0, 0},
      kExit,
  };
  constexpr std::uint32_t kFunctionBegins = 6;
  const std::array functions{bpf_func_info{0, static_cast<std::uint32_t>(main)},
                             bpf_func_info{kFunctionBegins, static_cast<std::uint32_t>(function)}};
  LIBBPF_OPTS(bpf_prog_load_opts, options);
  options.prog_btf_fd = static_cast<std::uint32_t>(btf__fd(types.get()));
  options.func_info = functions.data();
  options.func_info_cnt = functions.size();
  options.func_info_rec_size = sizeof(bpf_func_info);
  return load(instructions, &options).valid();
}

bool has_batches() {
  const std::uint32_t key = 0;
  const std::uint32_t value = 1;
  const bpf::MapHandle array = make_map(BPF_MAP_TYPE_ARRAY, 0);
  const bpf::MapHandle hash = make_map(BPF_MAP_TYPE_HASH, 0);
  if (!array.update_batch_raw(&key, &value, 1) || !hash.update_batch_raw(&key, &value, 1))
    return false;
  const auto count = hash.count();
  return count && *count == 1;
}

bool has_mappable_arrays() { return make_map(BPF_MAP_TYPE_ARRAY, BPF_F_MMAPABLE).fd() >= 0; }

bool has_clsact() {
  bool attached = false;
  std::thread([&attached] {
    attached = ::unshare(CLONE_NEWNET) == 0 && attaches_to_clsact();
  }).join();
  return attached;
}

}  // namespace policyc::kernel
