#include "cli/passes.h"

#include <iomanip>
#include <ostream>
#include <string>

namespace policyc::cli {
namespace {

// "web.yaml:12: note: ingress rule 3 of CiliumNetworkPolicy/ns/web spec.ingress[0]".
void begin_note(const ir::Origin& origin, std::size_t direction, std::uint32_t rule,
                std::ostream& err) {
  if (!origin.file.empty()) err << origin.place() << ": ";
  err << "note: " << ir::direction_name(direction) << " rule " << rule << " of " << origin.object;
  if (!origin.path.empty()) err << " " << origin.path;
}

}  // namespace

void print_passes(std::ostream& out) {
  for (const passes::Pass& pass : passes::pipeline()) {
    std::string stages(ir::stage_name(pass.input));
    if (pass.output != pass.input) stages += " -> " + std::string(ir::stage_name(pass.output));
    out << std::left << std::setw(20) << pass.name << std::setw(10)
        << (pass.required ? "required" : "optional") << std::setw(24) << stages << pass.summary
        << "\n";
  }
}

void print_report(const passes::Report& report, std::ostream& err) {
  for (const passes::LostPort& lost : report.lost_ports) {
    begin_note(lost.origin, lost.direction, lost.rule, err);
    err << " does without the port " << lost.name << ": its name has no number, or two\n";
  }
  for (const passes::RemovedRule& removed : report.removed) {
    begin_note(removed.rule.origin, removed.direction, removed.rule.id, err);
    err << " never decides: " << removed.reason;
    if (removed.covered_by != 0) err << " (rule " << removed.covered_by << ")";
    err << "\n";
  }
}

void add_form_option(CLI::App& command, std::string& form) {
  command
      .add_option("--form", form,
                  "auto, table (instead of compares), or bitset (instead of a table: no limit to "
                  "the classes that a policy tells apart)")
      ->check(CLI::IsMember({"auto", "table", "bitset"}));
}

std::optional<ir::Form> wanted_form(const std::string& form) {
  if (form == "table") return ir::Form::Table;
  if (form == "bitset") return ir::Form::Bitset;
  return std::nullopt;
}

}  // namespace policyc::cli
