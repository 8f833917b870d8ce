#pragma once
// The inventory as versions before kept it, <state>/inventory.json. It is read until another is
// written: without it pods would be no more than the world. Private to this folder.

#include <string_view>

#include "compiler/support/result.h"
#include "loader/endpoint/inventory.h"

namespace policyc::endpoint {

// Refuses what is not complete.
[[nodiscard]] Result<Inventory> inventory_from_json(std::string_view text);

}  // namespace policyc::endpoint
