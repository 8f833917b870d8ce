#pragma once
// `policyc service health`.

#include "cli/command.h"

namespace policyc::cli {

void add_service_health(CLI::App& service, Context& context);

}  // namespace policyc::cli
