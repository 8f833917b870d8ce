#pragma once
// Agent options by the names that they have in Cilium's ConfigMap.

#include <string>
#include <vector>

#include "compiler/policy/options.h"
#include "compiler/support/result.h"

namespace policyc::policy {

// Every name that set_option() knows, sorted.
[[nodiscard]] const std::vector<std::string>& option_names();
// Whether the name is one of them: other options do not change what a policy means.
[[nodiscard]] bool is_option(const std::string& name);
// Sets one; an Error says what it takes. Names that are not known have no effect.
[[nodiscard]] Result<void> set_option(Options& options, const std::string& name,
                                      const std::string& value);

}  // namespace policyc::policy
