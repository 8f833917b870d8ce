#include "cli/eval_engine.h"

namespace policyc::cli {

Result<scenario::Engine> find_engine(const std::string& name) {
  if (name == "reference") {
    return scenario::reference_engine();
  }
  if (name == "compiled") {
    return compiled_engine();
  }
  return fail("there is no engine `" + name + "`; expected " + engine_names());
}

std::string engine_names() { return "reference, compiled"; }

}  // namespace policyc::cli
