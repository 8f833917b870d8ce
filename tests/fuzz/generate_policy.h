#pragma once

#include <string>

#include "tests/fuzz/dice.h"

namespace policyc::fuzz {

// One document as JSON, which is YAML too: a policy of any kind, or a CIDR group. Most are accepted
// by an agent.
[[nodiscard]] std::string random_policy(Dice& dice, std::size_t number);

}  // namespace policyc::fuzz
