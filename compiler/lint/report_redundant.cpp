#include "compiler/lint/report_redundant.h"

#include <algorithm>

#include "compiler/lint/edits.h"
#include "compiler/lint/look.h"

namespace policyc::lint {
namespace {

std::string place_of(const policy::Entry& entry) {
  return entry.origin.object() + " " + entry.origin.path;
}

std::string message(const Redundant& redundant, const policy::Entry& entry) {
  const std::string what = entry.deny ? "deny rule" : "allow rule";
  switch (redundant.kind) {
    case Redundant::Kind::Duplicate:
      return "this " + what + " says what another one says";
    case Redundant::Kind::Shadowed:
      return "this " + what + " changes no verdict: other rules decide alike wherever it matches";
    case Redundant::Kind::Denied:
      return "this allow rule allows nothing: deny rules decide wherever it matches";
  }
  return what;
}

// "spec.ingress" of "spec.ingress[2]".
std::string section_of(const std::string& path) { return path.substr(0, path.rfind('[')); }

// Some item of the list stays when all duplicates of it go: an empty list is another policy.
bool leaves_some(const Model& model, const SubjectView& view, const SpecView& spec,
                 const std::string& section) {
  return std::any_of(spec.items.begin(), spec.items.end(), [&](const ItemView& item) {
    if (section_of(item.path) != section) return false;
    return std::none_of(view.redundant.begin(), view.redundant.end(), [&](const auto& redundant) {
      return redundant.kind == Redundant::Kind::Duplicate &&
             model.item_of(redundant.entry) == &item;
    });
  });
}

// A Cilium item can go as a whole; of a NetworkPolicy's it may be one peer of several.
std::optional<diag::Fix> removal(const Model& model, const SubjectView& view, std::size_t entry,
                                 Findings& findings) {
  const SpecView* spec = model.spec_of(entry);
  const ItemView* item = model.item_of(entry);
  if (spec == nullptr || item == nullptr || item->item == nullptr) return std::nullopt;
  if (!leaves_some(model, view, *spec, section_of(item->path))) return std::nullopt;
  auto range = block_item(findings.sources(), item->node);
  if (!range) return std::nullopt;
  return diag::Fix{"remove this rule", {{*range, {}}}};
}

}  // namespace

void report_redundant(const Model& model, const SubjectView& view, Redundant::Kind kind,
                      Findings& findings) {
  constexpr std::size_t kShown = 4;
  for (const Redundant& redundant : view.redundant) {
    if (redundant.kind != kind) continue;
    const policy::Entry& entry = model.entry(redundant.entry);
    diag::Finding& finding =
        findings.add(entry.origin.object(), entry.origin.node, message(redundant, entry));
    if (kind == Redundant::Kind::Duplicate)
      finding.fix = removal(model, view, redundant.entry, findings);
    for (std::size_t i = 0; i < redundant.by.size() && i < kShown; ++i) {
      const policy::Entry& by = model.entry(redundant.by[i]);
      findings.relate(by.origin.node, (by.deny ? "denied by " : "allowed by ") + place_of(by));
    }
  }
}

}  // namespace policyc::lint
