#pragma once
// The engines that can answer flows, by name.

#include <string>

#include "compiler/scenario/scenario.h"
#include "compiler/support/result.h"

namespace policyc::cli {

// Compiles each subject's policy and runs it in the kernel (BPF_PROG_TEST_RUN). Gives verdict and parser. Needs root.
[[nodiscard]] Result<scenario::Engine> compiled_engine();
[[nodiscard]] Result<scenario::Engine> find_engine(const std::string& name);
// "reference, compiled": for help texts.
[[nodiscard]] std::string engine_names();

}  // namespace policyc::cli
