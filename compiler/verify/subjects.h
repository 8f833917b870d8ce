#pragma once
// Whose policy an object holds, as the evaluator can be asked about it.

#include <optional>
#include <string>
#include <vector>

#include "compiler/ir/builder.h"
#include "compiler/ir/shape.h"
#include "compiler/policy/cluster.h"
#include "compiler/policy/entry.h"
#include "compiler/source/source.h"

namespace policyc::verify {

// The policies and what they were resolved against. Everything must outlive what is made from it.
struct Model {
  const policy::Cluster& cluster;
  const policy::Resolved& resolved;
  const policy::Options& agent;
  const source::SourceMap& sources;
};

struct Subject {
  std::string name;           // for people
  policy::Endpoint endpoint;  // whom the evaluator is asked about
  bool in_inventory = false;  // `endpoint` is one of the model's cluster
  // The entries that apply to it, with every subject selector replaced by the wildcard; prefixes
  // and names are those of all policies, as in a node's IP cache.
  policy::Resolved own;
};

// An endpoint of the model's cluster.
[[nodiscard]] Subject inventory_subject(const Model& model, const policy::Endpoint& endpoint);
// Without an inventory, any endpoint that matches a subject selector (ir::distinct_subjects): the
// entries that apply are those whose subject it implies.
[[nodiscard]] Subject synthetic_subject(const Model& model, const ir::Subject& subject);

// Everything that may tell peers of a direction apart: the distinct selectors of the subject's
// entries, and those of the object's predicates, which are others only when the compiler is wrong.
[[nodiscard]] std::vector<const policy::Selector*> peer_selectors(const Subject& subject,
                                                                  const ir::Shape& shape,
                                                                  policy::Direction direction);

}  // namespace policyc::verify
