#pragma once
// The inventory on disk, <state>/inventory: a whole one, then changes of it, each after its length
// in four bytes, little-endian. What a process that died has left half written at the end counts
// for nothing.

#include "compiler/support/result.h"
#include "loader/endpoint/inventory.h"
#include "loader/endpoint/inventory_change.h"
#include "loader/endpoint/paths.h"

namespace policyc::endpoint {

[[nodiscard]] bool has_inventory(const Paths& paths);
// An empty one when there is no file; that of a version before where it is the only one. One that
// cannot be read is an Error: without it pods would be no more than the world.
[[nodiscard]] Result<Inventory> read_inventory(const Paths& paths);
[[nodiscard]] Result<void> write_inventory(const Paths& paths, const Inventory& inventory);
// Adds the change to the end. False, and nothing added, when there is nothing to change, or so many
// changes that the whole is to be written again.
[[nodiscard]] Result<bool> append_inventory(const Paths& paths, const InventoryChange& change);

}  // namespace policyc::endpoint
