#pragma once
// Another plugin, run for its addresses (CNI specification 1.1.0, section 4).

#include <string>

#include "loader/cni/request.h"

namespace policyc::cni {

// Runs the plugin `type` of CNI_PATH for `command`, otherwise with this process's environment, and
// the configuration `config.text`; what it wrote. Its Failure is passed on as it is. One that takes
// longer than `config.delegate_timeout`, or writes more than a MiB, is killed.
[[nodiscard]] Expected<std::string> delegate(const Environment& environment, const Config& config,
                                             const std::string& type, Command command);

}  // namespace policyc::cni
