#pragma once
// Finds and opens the module that holds clang.

#include <optional>
#include <span>
#include <string>

#include "compiler/backend/clang_module.h"
#include "compiler/support/result.h"

namespace policyc::backend {

// Opens kClangModuleFile in the first of the folders that has it. The module stays open for the
// life of the process.
[[nodiscard]] Result<ClangCompile> open_clang_module(std::span<const std::string> folders);

// The module of this process, opened at the first call: looked for beside the executable, in
// ../lib/policyc from there, and in the folder it is installed to. A failure is not remembered.
[[nodiscard]] Result<ClangCompile> clang_module();

// The file that clang_module() opens, if there is one; opens nothing.
[[nodiscard]] std::optional<std::string> clang_module_file();

}  // namespace policyc::backend
