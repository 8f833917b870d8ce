#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "compiler/ir/ir.h"

namespace policyc::passes {

// Calls visit(indices) for each set of two or more rules whose origins have one line, in the order
// of the rules: only those can have one origin, and there are few. Compares no strings. Rules for
// which `skip` is true are left out.
template <class Skip, class Visit>
void for_each_shared_line(const std::vector<ir::Rule>& rules, Skip&& skip, Visit&& visit) {
  std::vector<std::uint64_t> keys;  // line and index
  keys.reserve(rules.size());
  for (std::uint32_t i = 0; i < rules.size(); ++i) {
    if (!skip(i)) keys.push_back(std::uint64_t{rules[i].origin.line} << 32U | i);
  }
  std::sort(keys.begin(), keys.end());
  std::vector<std::uint32_t> shared;
  for (std::size_t i = 0; i < keys.size();) {
    shared.clear();
    const std::uint64_t line = keys[i] >> 32U;
    for (; i < keys.size() && keys[i] >> 32U == line; ++i)
      shared.push_back(static_cast<std::uint32_t>(keys[i]));
    if (shared.size() > 1) visit(std::span(shared));
  }
}

}  // namespace policyc::passes
