#pragma once
// Load balancing of sockets: what `policyc service` does about it.

#include <filesystem>

#include "cli/command.h"
#include "compiler/support/result.h"
#include "loader/endpoint/paths.h"

namespace policyc::cli {

// Attaches the socket programs to `cgroup`, or to the root of the cgroup2 mount when it is empty;
// programs that are attached are replaced. Returns the cgroup.
[[nodiscard]] Result<std::filesystem::path> attach_sockets(const endpoint::Paths& paths,
                                                           const std::filesystem::path& cgroup);

// Subcommands of `service`: attach-sockets, detach-sockets, sockets.
void add_service_sockets(CLI::App& service, Context& context);

}  // namespace policyc::cli
