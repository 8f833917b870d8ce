#pragma once
// Services towards the outside: what `policyc service` does about the node's devices, and what is
// translated there.

#include "cli/command.h"

namespace policyc::cli {

// Subcommands of `service`: attach-device, detach-device.
void add_service_devices(CLI::App& service, Context& context);
// Subcommand of `bpf`: nat list, nat gc.
void add_bpf_nat(CLI::App& bpf, Context& context);

}  // namespace policyc::cli
