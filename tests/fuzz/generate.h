#pragma once
// Random clusters, policies and flows from a seed: the same seed gives the same case, for ever.

#include <cstdint>

#include "compiler/scenario/scenario.h"

namespace policyc::fuzz {

struct Size {
  std::size_t policies = 6;
  std::size_t flows = 60;
};

[[nodiscard]] scenario::Case generate(std::uint64_t seed, const Size& size = {});

}  // namespace policyc::fuzz
