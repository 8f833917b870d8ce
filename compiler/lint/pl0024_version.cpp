#include <array>

#include "compiler/lint/look.h"
#include "compiler/lint/rules.h"

namespace policyc::lint {
namespace {

struct Version {
  int major, minor;
};

bool older(const ClusterFacts& facts, const Version& version) {
  return facts.major < version.major ||
         (facts.major == version.major && facts.minor < version.minor);
}

std::string text_of(const Version& version) {
  return std::to_string(version.major) + "." + std::to_string(version.minor);
}

struct Check {
  const Model& model;
  Findings& findings;

  void needs(const std::string& object, source::NodeId node, const std::string& what,
             const Version& version, const std::string& before) {
    const ClusterFacts& facts = model.in().facts;
    if (!older(facts, version)) return;
    findings.add(object, node,
                 what + " needs Cilium " + text_of(version) + "; in " +
                     std::to_string(facts.major) + "." + std::to_string(facts.minor) + " " +
                     before);
  }

  void item(const SpecView& spec, const ItemView& view) {
    const std::string unknown = "the field is unknown and dropped";
    for_each_port(view, [&](const policy::PortProtocol& port) {
      if (port.end_port)
        needs(spec.object, port.end_port->node, "`endPort`", {1, 16},
              "it is ignored or the policy refused");
    });
    if (view.item == nullptr) return;
    const policy::RuleItem& item = *view.item;
    if (item.nodes)
      needs(spec.object, item.nodes_key, "`" + prefix_of(view.direction) + "Nodes`", {1, 16},
            unknown + ": the item may then match every peer");
    if (item.authentication)
      needs(spec.object, item.authentication->node, "`authentication`", {1, 14},
            unknown + ": peers are not authenticated");
    if (item.cidr_set) {
      for (const policy::CidrRule& rule : *item.cidr_set) {
        if (rule.group_ref)
          needs(spec.object, rule.group_ref->node, "`cidrGroupRef`",
                view.direction == policy::Direction::Ingress ? Version{1, 14} : Version{1, 15},
                unknown);
        if (rule.group_selector)
          needs(spec.object, rule.group_selector->node, "`cidrGroupSelector`", {1, 17}, unknown);
      }
    }
    fqdns(spec, item);
    if (view.deny && item.cidrs) deny_prefix(spec, view);
  }

  void fqdns(const SpecView& spec, const policy::RuleItem& item) {
    const auto look = [&](const policy::FqdnSelector& selector) {
      if (selector.match_pattern.value.starts_with("**."))
        needs(spec.object, selector.match_pattern.node, "`**.` for any number of labels", {1, 19},
              "it means one label, as `*.` does");
    };
    if (item.fqdns) {
      for (const auto& selector : *item.fqdns) look(selector);
    }
    if (!item.ports) return;
    for (const policy::PortRule& rule : *item.ports) {
      if (!rule.rules || !rule.rules->dns) continue;
      for (const auto& selector : *rule.rules->dns) look(selector);
    }
  }

  // Before 1.14 the longest prefix decided between allow and deny.
  void deny_prefix(const SpecView& spec, const ItemView& deny) {
    if (!older(model.in().facts, {1, 14})) return;
    for (const ItemView& allow : spec.items) {
      if (allow.deny || allow.direction != deny.direction || allow.item == nullptr ||
          !allow.item->cidrs)
        continue;
      for (const auto& wide : *deny.item->cidrs) {
        for (const auto& narrow : *allow.item->cidrs) {
          const auto outer = parse_ip_prefix(wide.value);
          const auto inner = parse_ip_prefix(narrow.value);
          if (!outer || !inner || *outer == *inner || !outer->contains(*inner)) continue;
          findings.add(spec.object, wide.node,
                       "before Cilium 1.14 the allowed " + diag::quoted(narrow.value) +
                           " wins over this deny; since then the deny wins");
          return;
        }
      }
    }
  }

  void spec(const SpecView& spec) {
    if (spec.rule != nullptr) {
      for (const auto& flag : {spec.rule->default_deny_ingress, spec.rule->default_deny_egress}) {
        if (flag)
          needs(spec.object, flag->node, "`enableDefaultDeny`", {1, 16},
                "the field is unknown and dropped: the policy denies by default");
      }
      if (!spec.rule->log.value.empty())
        needs(spec.object, spec.rule->log.node, "`log`", {1, 18},
              "the field is unknown and dropped");
    }
    for (const ItemView& view : spec.items) item(spec, view);
  }
};

// apiVersion cilium.io/v2alpha1 of CIDR groups.
void check_groups(const Model& model, Findings& findings) {
  const ClusterFacts& facts = model.in().facts;
  for (const manifest::Document& document : model.in().documents) {
    if (document.kind.value != "CiliumCIDRGroup") continue;
    const std::string& version = document.api_version.value;
    const std::string object = object_of(document);
    if (version == "cilium.io/v2" && older(facts, {1, 18})) {
      findings.add(object, document.api_version.node,
                   "CiliumCIDRGroup is served as `cilium.io/v2` since Cilium 1.18; " +
                       std::to_string(facts.major) + "." + std::to_string(facts.minor) +
                       " has `cilium.io/v2alpha1`");
    } else if (version == "cilium.io/v2alpha1" && !older(facts, {1, 18})) {
      diag::Finding& finding =
          findings.add(object, document.api_version.node,
                       "`cilium.io/v2alpha1` is the old version of CiliumCIDRGroup; since Cilium "
                       "1.18 it is `cilium.io/v2`");
      finding.severity = diag::Severity::Note;
      const source::Range& range = findings.sources().range(document.api_version.node);
      const std::string_view line = findings.sources().line_text(range.file, range.begin.line);
      const bool plain = range.begin.line == range.end.line &&
                         range.end.column - range.begin.column == version.size() &&
                         line.size() < 200;
      if (plain) finding.fix = diag::Fix{"write `cilium.io/v2`", {{range, "cilium.io/v2"}}};
    }
  }
}

void check(const Model& model, Findings& findings) {
  Check check{model, findings};
  for (const SpecView& spec : model.specs()) check.spec(spec);
  check_groups(model, findings);
}

constexpr std::array kAdopted = {diag::Id::RemovedFeature};

}  // namespace

constinit const Rule kVersion{
    .id = "PL0024",
    .name = "cilium-version",
    .severity = diag::Severity::Error,
    .summary =
        "a field that the cluster's version of Cilium does not have, or has under another "
        "name",
    .what =
        "With `--cilium-version X.Y` (1.19 unless given): fields that are younger, fields that "
        "were removed (`fromRequires`), old versions of an API, and constructs that meant "
        "something else then (`**.` in patterns; an allowed prefix inside a denied one before "
        "1.14).",
    .why =
        "The API server drops fields that its schema does not know, without an error. A policy "
        "without its `enableDefaultDeny: false` denies everything.",
    .example = R"(# policyc lint --cilium-version 1.15
spec:
  enableDefaultDeny: {egress: false}       # PL0024: needs 1.16
)",
    .repair =
        "Upgrade, or write it without the field. `--fix` writes the new version of the API "
        "of CIDR groups.",
    .fixable = true,
    .check = check,
    .adopts = kAdopted,
};

}  // namespace policyc::lint
