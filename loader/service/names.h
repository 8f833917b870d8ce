#pragma once
// What the maps have no room for, in <state>/services. names.json has the names of what is in them,
// for people: nothing depends on it but lists; the tags in the maps tell whether it is right.
// weights.json has the weights of backends that are not 1; generations tell whether it is right,
// and without it shares of Maglev tables are equal where the state of a backend is set by hand.

#include <filesystem>
#include <vector>

#include "compiler/support/result.h"
#include "loader/service/planner.h"

namespace policyc::service {

[[nodiscard]] Result<void> write_names(const std::filesystem::path& state,
                                       const std::vector<NamedSet>& sets);
// Empty when there is no file, or none that can be read.
[[nodiscard]] std::vector<NamedSet> read_names(const std::filesystem::path& state);

[[nodiscard]] Result<void> write_weights(const std::filesystem::path& state,
                                         const std::vector<BackendWeight>& weights);
// Empty when there is no file, or none that can be read.
[[nodiscard]] std::vector<BackendWeight> read_weights(const std::filesystem::path& state);

}  // namespace policyc::service
