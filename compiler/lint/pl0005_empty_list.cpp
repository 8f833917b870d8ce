#include <array>

#include "compiler/lint/look.h"
#include "compiler/lint/rules.h"

namespace policyc::lint {
namespace {

constexpr std::array kAdopted = {diag::Id::EmptyListSelectsAll};

void check(const Model& model, Findings& findings) {
  for (const SpecView& spec : model.specs()) {
    for (const ItemView& view : spec.items) {
      if (view.item == nullptr) continue;
      const policy::RuleItem& item = *view.item;
      const std::string prefix = prefix_of(view.direction);
      const auto report = [&](bool empty, source::NodeId key, const std::string& field) {
        if (!empty) return;
        findings
            .add(spec.object, key,
                 "`" + field + ": []` selects nobody, so this rule " +
                     (view.deny ? "denies" : "allows") + " nothing")
            .help = "remove `" + field + "` for no condition on the peer; for nobody on purpose " +
                    "write an item without peers, `- {}`";
      };
      report(item.endpoints && item.endpoints->empty(), item.endpoints_key, prefix + "Endpoints");
      report(item.cidrs && item.cidrs->empty(), item.cidrs_key, prefix + "CIDR");
      report(item.cidr_set && item.cidr_set->empty(), item.cidr_set_key, prefix + "CIDRSet");
      report(item.entities && item.entities->empty(), item.entities_key, prefix + "Entities");
      report(item.nodes && item.nodes->empty(), item.nodes_key, prefix + "Nodes");
      if (!item.ports) continue;
      for (const policy::PortRule& rule : *item.ports) {
        if (rule.ports && !rule.ports->empty()) continue;
        findings
            .add(spec.object, rule.node,
                 std::string("this element of `toPorts` has no `ports`, so it ") +
                     (view.deny ? "denies" : "allows") + " nothing")
            .help = "name the ports; leave `toPorts` out for every port";
      }
    }
  }
}

}  // namespace

constinit const Rule kEmptyList{
    .id = "PL0005",
    .name = "empty-list",
    .severity = diag::Severity::Warning,
    .summary = "an empty list, which selects nobody (or, for some fields, everybody)",
    .what =
        "`fromEndpoints`, `fromCIDR`, `fromCIDRSet`, `fromEntities` or `fromNodes` (and the "
        "`to` forms) present and empty: the item selects nobody, whatever else it says, and "
        "still switches default deny on. `toFQDNs: []`, `toServices: []` and `toGroups: []` "
        "count as absent instead: with `toPorts` the item allows every peer. An element of "
        "`toPorts` without ports matches nothing.",
    .why =
        "Absent, empty and `[{}]` mean three different things, and templates produce empty "
        "lists where a value is missing. Before Cilium 1.16 `fromCIDR: []` meant something "
        "else.",
    .example = R"(  ingress:
  - fromEndpoints: []              # PL0005: nobody, although port 80 is named
    toPorts: [{ports: [{port: "80", protocol: TCP}]}]
)",
    .repair = "Remove the field, or fill the list.",
    .check = check,
    .adopts = kAdopted,
};

}  // namespace policyc::lint
