#pragma once

#include <CLI/CLI.hpp>

#include "cli/command.h"

namespace policyc::cli {

void add_suggest(CLI::App& app, Context& context);

}  // namespace policyc::cli
