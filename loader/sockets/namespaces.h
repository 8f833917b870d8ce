#pragma once
// The network namespaces of the node.

#include <functional>
#include <vector>

#include "compiler/support/result.h"
#include "loader/bpf/fd.h"

namespace policyc::sockets {

// Of every thread group in /proc and of every name in /run/netns, each once. One that only a
// socket or a mount elsewhere keeps alive is not found.
[[nodiscard]] std::vector<bpf::Fd> network_namespaces();

// Runs `action` on a thread in the namespace.
[[nodiscard]] Result<void> run_inside(const bpf::Fd& network,
                                      const std::function<Result<void>()>& action);

}  // namespace policyc::sockets
