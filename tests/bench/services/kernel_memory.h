#pragma once

#include <optional>

namespace policyc::bench {

// Memory of the whole kernel for objects, in MiB: slabs, vmalloc, per-CPU areas; of /proc/meminfo.
// What else the machine does shows in it. Nothing when it cannot be read.
[[nodiscard]] std::optional<double> kernel_memory();

}  // namespace policyc::bench
