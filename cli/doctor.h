#pragma once
// `policyc doctor` and what belongs to it.

#include <memory>
#include <string>

#include "cli/command.h"

namespace policyc::cli {

// -o text|json.
void add_doctor_output(CLI::App& command, const std::shared_ptr<std::string>& output);

// `policyc doctor kube-proxy`, below `doctor`.
void add_doctor_kube_proxy(CLI::App& doctor, const std::shared_ptr<std::string>& output,
                           Context& context);

// `policyc doctor network`.
void add_doctor_network(CLI::App& doctor, const std::shared_ptr<std::string>& output,
                        Context& context);

}  // namespace policyc::cli
