#include "compiler/diff/diff.h"
#include "compiler/explain/rule_text.h"

namespace policyc::diff {
namespace {

constexpr std::size_t kListed = 3;

std::string listed(const std::vector<std::string>& items) {
  std::string text;
  for (std::size_t i = 0; i < items.size() && i < kListed; ++i)
    text += (i == 0 ? "" : ", ") + items[i];
  if (items.size() > kListed) text += " and " + std::to_string(items.size() - kListed) + " more";
  return text;
}

std::string ports_text(const std::vector<matrix::PortRange>& ports) {
  std::vector<std::string> items;
  for (const matrix::PortRange& range : ports) items.push_back(ir::to_string(range));
  return listed(items);
}

void append_said(std::string& out, char sign, const Said& said, explain::Printer& printer) {
  out += std::string("  ") + sign + " " +
         printer.paint(said.text, explain::Printer::tint_of(said.outcome)) + "\n";
  printer.append_origins(out, 6, said.origins, diag::Tint::Cyan);
}

void append_region(std::string& out, const Region& region, explain::Printer& printer) {
  const bool ingress = region.direction == 0;
  out += printer.paint(
             std::string(ir::direction_name(region.direction)) + " of " + listed(region.subjects),
             diag::Tint::Bold) +
         "\n";
  out += std::string("  ") + (ingress ? "from " : "to ") + region.peers;
  if (region.known_peers != 0)
    out += " (" + std::to_string(region.known_peers) +
           (region.known_peers == 1 ? " pod" : " pods") + ")";
  out += "\n  on " + ports_text(region.ports) + "\n";
  append_said(out, '-', region.before, printer);
  append_said(out, '+', region.after, printer);
  for (const std::string& request : region.requests_removed)
    out += "  - lets pass: " + request + "\n";
  for (const std::string& request : region.requests_added)
    out += "  + lets pass: " + request + "\n";
  const Witness& witness = region.witness;
  out += std::string("  for example ") + (ingress ? "from " : "to ") + witness.peer + " : " +
         explain::port_text(witness.protocol, witness.port);
  const bool by_request = !region.requests_removed.empty() || !region.requests_added.empty();
  if (!witness.request.empty()) out += " " + witness.request;
  if (by_request && witness.request.empty())
    out += ", though no request was found that tells them apart";
  out += "\n\n";
}

}  // namespace

std::string to_text(const Report& report, explain::Printer printer) {
  std::string out;
  for (const Region& region : report.regions) append_region(out, region, printer);
  for (const std::string& object : report.without_effect)
    out += object + " changed without effect\n";
  for (const auto& [names, side] :
       {std::pair(&report.only_before, "OLD"), std::pair(&report.only_after, "NEW")}) {
    if (!names->empty())
      out += "not compared, only in " + std::string(side) + ": " + listed(*names) + "\n";
  }
  if (report.left_out != 0)
    out += "at least " + std::to_string(report.left_out) +
           " kinds of peers were not followed (--max-peers)\n";
  const std::size_t changed = report.changed_policies.size();
  out += std::to_string(changed) + (changed == 1 ? " policy" : " policies") + " changed, " +
         std::to_string(report.regions.size()) +
         (report.regions.size() == 1 ? " region" : " regions") +
         " of connections decided otherwise\n";
  return out;
}

}  // namespace policyc::diff
