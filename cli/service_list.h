#pragma once
// policyc service list, get.

#include <vector>

#include <CLI/CLI.hpp>

#include "cli/command.h"
#include "compiler/support/result.h"
#include "loader/endpoint/paths.h"
#include "loader/service/listing.h"

namespace policyc::cli {

void add_service_lists(CLI::App& service, Context& context);

// What the maps of this node hold.
[[nodiscard]] Result<std::vector<service::ListedFrontend>> listed_in_maps(
    const endpoint::Paths& paths);

}  // namespace policyc::cli
