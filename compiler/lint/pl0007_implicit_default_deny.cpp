#include <algorithm>
#include <set>

#include "compiler/lint/look.h"
#include "compiler/lint/rules.h"
#include "compiler/lint/subject.h"

namespace policyc::lint {
namespace {

using policy::Direction;

bool is_dns_only(const policy::Entry& entry) {
  if (entry.deny || !entry.has_l4 || entry.l4.empty()) return false;
  return std::all_of(entry.l4.begin(), entry.l4.end(), [](const policy::EntryPorts& element) {
    return element.parser == policy::Parser::Dns;
  });
}

void check_direction(const Model& model, const SubjectView& view, const SpecView& spec,
                     Direction direction, Findings& findings) {
  if (spec.rule == nullptr) return;
  const auto& written = direction == Direction::Ingress ? spec.rule->default_deny_ingress
                                                        : spec.rule->default_deny_egress;
  if (written) return;
  const ItemView* first = nullptr;
  bool only_deny = true;
  bool only_dns = true;
  for (const ItemView& item : spec.items) {
    if (item.direction != direction) continue;
    if (first == nullptr) first = &item;
    only_deny = only_deny && item.deny;
    for (const std::size_t entry : item.entries)
      only_dns = only_dns && is_dns_only(model.entry(entry));
  }
  if (first == nullptr || (!only_deny && !only_dns)) return;
  // Somebody else allows something, or denies by default on purpose.
  const auto& applying = view.entries[static_cast<std::size_t>(direction)];
  const bool alone = std::all_of(applying.begin(), applying.end(), [&](const policy::Entry* entry) {
    return model.spec_of(model.index_of(entry)) == &spec || !entry->default_deny;
  });
  if (!alone || !view.direction(direction).default_deny) return;
  const std::string word = word_of(direction);
  findings
      .add(spec.object, first->node,
           only_deny ? "this policy only denies, and so everything else in " + word +
                           " is denied too: no policy allows anything to these endpoints"
                     : "this policy only lets DNS through, and so everything else in " + word +
                           " is denied")
      .help = "say which is meant: `enableDefaultDeny: {" + word +
              ": false}` to leave other "
              "traffic alone, `true` to deny it";
}

void check(const Model& model, const SubjectView& view, Findings& findings) {
  std::set<const SpecView*> specs;
  for (const std::size_t entry : view.own) {
    if (const SpecView* spec = model.spec_of(entry)) specs.insert(spec);
  }
  for (const SpecView* spec : specs) {
    check_direction(model, view, *spec, Direction::Ingress, findings);
    check_direction(model, view, *spec, Direction::Egress, findings);
  }
}

}  // namespace

constinit const Rule kImplicitDefaultDeny{
    .id = "PL0007",
    .name = "implicit-default-deny",
    .severity = diag::Severity::Warning,
    .summary = "deny rules, or a DNS rule, that switch default deny on by the way",
    .what =
        "A policy that has only deny items in a direction, or only DNS rules, does not say "
        "`enableDefaultDeny`, and no other policy allows anything to the endpoints that it "
        "selects: their traffic in that direction stops altogether.",
    .why =
        "Any item of a direction, also a deny, puts the selected endpoints into default deny. "
        "A policy that was to close one door closes all of them; one that was to make DNS "
        "visible cuts everything but DNS.",
    .example = R"(spec:
  endpointSelector: {}
  ingressDeny:                     # PL0007: all other ingress is denied as well
  - fromEntities: [world]
)",
    .repair =
        "Add `enableDefaultDeny: {ingress: false}` (Cilium 1.16 or later), or an item that "
        "allows what shall go on; or `true`, which says that it is meant.",
    .check_subject = check,
};

}  // namespace policyc::lint
