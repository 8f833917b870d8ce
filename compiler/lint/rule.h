#pragma once
// What a lint rule is: what its page says, and the function that looks. One rule, one file
// (pl0001_shadowed_rule.cpp); registry.cpp lists them.

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/diag/finding.h"

namespace policyc::lint {

class Model;
struct SubjectView;
class Findings;

struct Rule {
  std::string_view id;    // "PL0001", stable for ever
  std::string_view name;  // "shadowed-rule"
  diag::Severity severity = diag::Severity::Warning;
  // Prose of the rule's page (docs/lint.md). `example` is a manifest, or a part of one.
  std::string_view summary;
  std::string_view what;
  std::string_view why;
  std::string_view example;
  std::string_view repair;
  std::string_view security_severity = {};  // SARIF's number, "0.0" to "10.0"
  bool needs_inventory = false;             // says nothing without Pods or workloads
  bool fixable = false;                     // --fix can repair some of its findings
  // Looks at everything once.
  void (*check)(const Model&, Findings&) = nullptr;
  // Looks at one subject: the compiled policy of all endpoints that one policy selects. Called from
  // several threads, each with its own Findings.
  void (*check_subject)(const Model&, const SubjectView&, Findings&) = nullptr;
  // Diagnostics of the compiler that say the same: they become findings of this rule.
  std::span<const diag::Id> adopts = {};
};

// All rules, by id.
[[nodiscard]] std::span<const Rule* const> registry();
// By id or by name; nullptr when there is none.
[[nodiscard]] const Rule* find_rule(std::string_view id_or_name);
[[nodiscard]] const Rule* rule_that_adopts(diag::Id id);

// A finding before suppressions and fingerprints.
struct RawFinding {
  const Rule* rule = nullptr;
  std::string object;  // "CiliumNetworkPolicy/shop/web": part of the fingerprint; may be empty
  diag::Finding finding;
};

// Collects what rules find. Not thread-safe.
class Findings {
 public:
  Findings(const source::SourceMap& sources, const Rule* rule) : sources_(sources), rule_(rule) {}

  // The rule that reports from here on.
  void set_rule(const Rule& rule) { rule_ = &rule; }
  // At the place of a node of a manifest; not valid: about the whole run. The reference stays valid
  // until the next call.
  diag::Finding& add(const std::string& object, source::NodeId node, std::string message);
  void relate(source::NodeId node, std::string text);  // to the last finding
  [[nodiscard]] std::vector<RawFinding>& all() { return findings_; }
  [[nodiscard]] const source::SourceMap& sources() const { return sources_; }

 private:
  const source::SourceMap& sources_;
  const Rule* rule_;
  std::vector<RawFinding> findings_;
};

}  // namespace policyc::lint
