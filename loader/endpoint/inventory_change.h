#pragma once
// What makes one inventory of another, and its form as bytes: what the compiler process tells, and
// what is appended to the file of the inventory. A whole inventory is a change of an empty one.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/policy/endpoint_list.h"
#include "compiler/support/result.h"
#include "loader/endpoint/inventory.h"

namespace policyc::endpoint {

struct InventoryChange {
  std::optional<Inventory>
      rest;  // all but the endpoints of the cluster, when any of it is different
  std::vector<policy::EndpointSplice> endpoints;  // one after the other
  [[nodiscard]] bool empty() const { return !rest && endpoints.empty(); }
};

[[nodiscard]] InventoryChange whole_change(const Inventory& inventory);
// What makes `after` of `before`: one splice where endpoints differ.
[[nodiscard]] InventoryChange change_between(const Inventory& before, const Inventory& after);
// An Error when it is no change of that inventory, which is then not to be used.
[[nodiscard]] Result<void> apply(const InventoryChange& change, Inventory& inventory);

[[nodiscard]] std::string to_bytes(const InventoryChange& change);
[[nodiscard]] Result<InventoryChange> change_from_bytes(std::string_view bytes);

}  // namespace policyc::endpoint
