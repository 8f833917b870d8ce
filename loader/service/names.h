#pragma once
// Names of what is in the maps, for people: <state>/services/names.json. Nothing depends on it but
// lists; the tags in the maps tell whether it is right.

#include <filesystem>
#include <vector>

#include "compiler/support/result.h"
#include "loader/service/planner.h"

namespace policyc::service {

[[nodiscard]] Result<void> write_names(const std::filesystem::path& state,
                                       const std::vector<NamedSet>& sets);
// Empty when there is no file, or none that can be read.
[[nodiscard]] std::vector<NamedSet> read_names(const std::filesystem::path& state);

}  // namespace policyc::service
