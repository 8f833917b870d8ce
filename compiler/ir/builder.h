#pragma once
// Resolved entries to the IR of one endpoint (spec sections 6.1 to 6.5 and 6.9, without the content
// of L7 rules).

#include <string>
#include <vector>

#include "compiler/diag/diag.h"
#include "compiler/ir/ir.h"
#include "compiler/policy/cluster.h"
#include "compiler/policy/entry.h"

namespace policyc::ir {

struct BuildOptions {
  policy::Options agent;
  bool without_l7 = false;  // compile L7 rules as plain allows
};

// Whose policy to build. With an inventory: an endpoint's identity labels. Without: a subject
// selector; entries then apply when every endpoint that matches `selector` must match theirs too
// (implication.h).
struct Subject {
  std::string name;
  const policy::LabelSet* labels = nullptr;
  const policy::Selector* selector = nullptr;
  std::string namespace_;  // of the endpoint; empty: none
  policy::EndpointKind kind = policy::EndpointKind::Pod;
  const std::vector<policy::NamedPort>* ports = nullptr;  // the endpoint's own container ports
};

struct BuildInput {
  const policy::Resolved& resolved;
  const policy::Cluster& cluster;
  bool has_inventory = false;  // named ports on egress resolve over cluster.endpoints
  const source::SourceMap& sources;
  // When set, only these entries are asked whether they apply: all that could, in the order of
  // `resolved.entries`.
  const std::vector<const policy::Entry*>* candidates = nullptr;
};

// Whether an entry applies to a subject (spec section 6.2, step 3). With a subject selector: to
// every endpoint that the selector matches.
[[nodiscard]] bool applies(const policy::Entry& entry, const Subject& subject);

// Conflicts of spec section 6.4, and named ports that cannot be resolved for lack of an inventory,
// are reported as errors; the result must not be used then.
[[nodiscard]] EndpointPolicy build(const BuildInput& input, const Subject& subject,
                                   const BuildOptions& options, diag::Engine& diagnostics);

// The distinct subjects of all entries: what is compiled without an inventory.
[[nodiscard]] std::vector<Subject> distinct_subjects(const policy::Resolved& resolved);

}  // namespace policyc::ir
