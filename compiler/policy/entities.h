#pragma once
// Entities as selectors, and the labels of the world (spec sections 5.1, 5.3).

#include <string_view>
#include <vector>

#include "compiler/policy/options.h"
#include "compiler/policy/selector.h"

namespace policyc::policy {

// The union that an entity stands for; empty for an unknown word.
[[nodiscard]] std::vector<Selector> entity_selectors(std::string_view entity,
                                                     const Options& options);

// `reserved:<name>`.
[[nodiscard]] Selector reserved_selector(std::string_view name);
[[nodiscard]] Label reserved_label(std::string_view name);

// The label that marks an address of that family as outside the cluster.
[[nodiscard]] Label world_label(bool v6, const Options& options);

}  // namespace policyc::policy
