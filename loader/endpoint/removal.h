#pragma once
// Taking everything off a node, so that a process that dies meanwhile leaves what the next one
// finishes. Callers hold the lock of the state directory.

#include <cstddef>

#include "compiler/support/result.h"
#include "loader/endpoint/paths.h"

namespace policyc::endpoint {

// Whether a removal from this `bpffs` was cut short: half of what is there may be gone, and it can
// neither be enforced nor added to.
[[nodiscard]] bool is_removal_marked(const Paths& paths);
// unload_all() (unload.h), from the mark to its end.
[[nodiscard]] Result<std::size_t> remove_all(const Paths& paths);
// Removes what is left when a removal was cut short.
[[nodiscard]] Result<void> finish_removal(const Paths& paths);

}  // namespace policyc::endpoint
