#include "cli/eval_engine.h"

#include "compiler/driver/shape_engine.h"
#include "loader/testrun/kernel_engine.h"

namespace policyc::cli {

Result<scenario::Engine> find_engine(const std::string& name) {
  if (name == "reference") {
    return scenario::reference_engine();
  }
  if (name == "matrix") {
    return driver::matrix_engine();
  }
  if (name == "compiled") {
    auto oracle = testrun::kernel_oracle();
    if (!oracle) {
      return std::unexpected(oracle.error());
    }
    return driver::shape_engine(std::move(*oracle));
  }
  return fail("there is no engine `" + name + "`; expected one of " + engine_names());
}

std::string engine_names() { return "reference, matrix, compiled"; }

}  // namespace policyc::cli
