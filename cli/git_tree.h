#pragma once
// Manifests as a git repository has them, by running `git` (no shell, nothing is written).

#include <string>
#include <vector>

#include "compiler/driver/inputs.h"
#include "compiler/support/result.h"

namespace policyc::cli {

// The commit that a name stands for, in full. An Error when there is no git, no repository, or no
// such commit.
[[nodiscard]] Result<std::string> git_commit(const std::string& revision);

// Every *.yaml, *.yml and *.json file of a commit below `paths` (none: below the working
// directory), as `<shown>:<path>`; sorted by path. Links are left out.
[[nodiscard]] Result<std::vector<driver::InputText>> git_manifests(
    const std::string& commit, const std::string& shown, const std::vector<std::string>& paths);

}  // namespace policyc::cli
