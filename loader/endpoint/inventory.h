#pragma once
// What exists in the cluster, as the loader was last told. Kept in <state>/inventory.json, so that
// a later load without an inventory labels addresses as before.

#include <string>
#include <string_view>
#include <vector>

#include "compiler/policy/cluster.h"
#include "compiler/policy/entry.h"
#include "compiler/policy/options.h"
#include "compiler/support/result.h"
#include "loader/endpoint/paths.h"

namespace policyc::endpoint {

struct Inventory {
  policy::Options
      options;  // only what labels depend on is kept; the objects must be compiled with the same
  policy::Cluster cluster;
  std::vector<policy::PrefixLabels> prefixes;  // of CIDR groups and policies that came with it
  // The node and its neighbours as services know them (nodes.h): more certain than what `cluster`
  // says of them, and kept when that is replaced.
  std::vector<policy::ClusterNode> known_nodes{};

  // The nodes of `cluster`, corrected by `known_nodes`.
  [[nodiscard]] std::vector<policy::ClusterNode> nodes() const;
};

[[nodiscard]] std::string to_json(const Inventory& inventory);
[[nodiscard]] Result<Inventory> inventory_from_json(std::string_view text);

// An empty one when there is no file.
[[nodiscard]] Result<Inventory> read_inventory(const Paths& paths);
[[nodiscard]] Result<void> write_inventory(const Paths& paths, const Inventory& inventory);

}  // namespace policyc::endpoint
