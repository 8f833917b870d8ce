#pragma once
// What exists in the cluster, as the loader was last told. Kept on disk (inventory_file.h), so that
// a later load without an inventory labels addresses as before.

#include <vector>

#include "compiler/policy/cluster.h"
#include "compiler/policy/entry.h"
#include "compiler/policy/options.h"
#include "compiler/support/shared.h"

namespace policyc::endpoint {

struct Inventory {
  policy::Options
      options;  // only what labels depend on is kept; the objects must be compiled with the same
  policy::Cluster cluster;
  Shared<std::vector<policy::PrefixLabels>>
      prefixes;  // of CIDR groups and policies that came with it
  // The node and its neighbours as services know them (nodes.h): more certain than what `cluster`
  // says of them, and kept when that is replaced.
  Shared<std::vector<policy::ClusterNode>> known_nodes{};

  // The nodes of `cluster`, corrected by `known_nodes`.
  [[nodiscard]] std::vector<policy::ClusterNode> nodes() const;
};

}  // namespace policyc::endpoint
