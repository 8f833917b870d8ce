#pragma once
// Taking everything off a node, so that a process that dies meanwhile leaves what the next one
// finishes. Callers hold the lock of the state directory.

#include <cstddef>

#include "compiler/support/result.h"
#include "loader/endpoint/paths.h"

namespace policyc::endpoint {

// unload_all() (unload.h). From the first thing that it takes away on the node is marked.
[[nodiscard]] Result<std::size_t> remove_all(const Paths& paths);
// Removes what is left when a removal was cut short: half of a node can neither be enforced nor
// added to.
[[nodiscard]] Result<void> finish_removal(const Paths& paths);

}  // namespace policyc::endpoint
