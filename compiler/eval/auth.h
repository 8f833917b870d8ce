#pragma once
// Mutual authentication of an allowed flow (spec section 6.6).

#include <optional>
#include <vector>

#include "compiler/eval/verdict.h"

namespace policyc::eval {

struct AuthRequirement {
  policy::AuthType type = policy::AuthType::Disabled;
  bool is_explicit =
      false;  // from an `authentication` clause of the deciding key; else taken from another one
};

// `matches` must hold no deny. Nothing when no rule speaks of authentication.
[[nodiscard]] std::optional<AuthRequirement> auth_requirement(const std::vector<Match>& matches);

}  // namespace policyc::eval
