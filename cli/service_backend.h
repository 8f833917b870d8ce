#pragma once
// `policyc service backend`.

#include "cli/command.h"

namespace policyc::cli {

void add_service_backend(CLI::App& service, Context& context);

}  // namespace policyc::cli
