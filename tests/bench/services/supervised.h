#pragma once
// A program that may end anywhere, run so that nothing of it stays.

#include <functional>

namespace policyc::bench {

// Runs `what` in a child process and gives the program's exit code: that of `what`, or 128 and the
// signal. However the child ends, and when SIGINT, SIGTERM or SIGHUP ends it, its folders below the
// BPF file system and the temporary one are removed afterwards, and its cgroups; its namespaces end
// with it. Before any thread is started.
[[nodiscard]] int run_supervised(const std::function<int()>& what);

}  // namespace policyc::bench
