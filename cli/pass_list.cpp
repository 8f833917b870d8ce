#include "cli/pass_list.h"

#include <iomanip>
#include <ostream>
#include <string>

#include "compiler/passes/pass.h"

namespace policyc::cli {

void print_passes(std::ostream& out) {
  for (const passes::Pass& pass : passes::pipeline()) {
    std::string stages(ir::stage_name(pass.input));
    if (pass.output != pass.input) stages += " -> " + std::string(ir::stage_name(pass.output));
    out << std::left << std::setw(20) << pass.name << std::setw(10)
        << (pass.required ? "required" : "optional") << std::setw(24) << stages << pass.summary
        << "\n";
  }
}

}  // namespace policyc::cli
