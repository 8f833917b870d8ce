#pragma once
// The engines that can answer flows, by name.

#include <string>

#include "compiler/scenario/scenario.h"
#include "compiler/support/result.h"

namespace policyc::cli {

// "reference": the plain evaluator. "matrix": the compiler's verdict matrices in user space.
// "compiled": programs that the kernel runs (BPF_PROG_TEST_RUN); needs root.
[[nodiscard]] Result<scenario::Engine> find_engine(const std::string& name);
// "reference, compiled": for help texts.
[[nodiscard]] std::string engine_names();

}  // namespace policyc::cli
