#pragma once
// The datapath's program ct_collect (runtime/abi/abi.h, struct ct_collect_head): what a pass of the
// collector needs from within the kernel.

#include <cstdint>

#include "compiler/support/result.h"
#include "loader/bpf/fd.h"
#include "loader/bpf/map.h"
#include "loader/endpoint/paths.h"
#include "runtime/abi/abi.h"

namespace policyc::conntrack {

// One run at a time: the program answers in a map that all runs share.
class CollectProgram {
 public:
  // The pinned one. While one datapath takes over from another there are two: either will do, both
  // work on the same maps. An Error when no datapath is loaded.
  [[nodiscard]] static Result<CollectProgram> open(const endpoint::Paths& paths);

  // The kernel's clock, in ticks.
  [[nodiscard]] Result<std::uint64_t> now() const;
  // Whether packets ask the overflow tables as well (ct_pressure_value).
  [[nodiscard]] Result<void> set_overflowed(bool overflowed) const;

 private:
  CollectProgram(bpf::Fd program, bpf::Fd collected);
  [[nodiscard]] Result<ct_collected_value> run(const ct_collect_head& head) const;

  bpf::Fd program_;
  bpf::Map<std::uint32_t, ct_collected_value> collected_;
};

}  // namespace policyc::conntrack
