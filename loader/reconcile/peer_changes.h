#pragma once
// What a change of the cluster is for the IP cache: addresses and their labels.

#include <cstdint>
#include <vector>

#include "compiler/ir/shape.h"
#include "compiler/policy/labels.h"
#include "compiler/support/ip.h"
#include "loader/endpoint/inventory.h"

namespace policyc::reconcile {

struct AddressChange {
  IpPrefix prefix;
  policy::LabelSet labels;  // empty: the address is gone
  friend bool operator==(const AddressChange&, const AddressChange&) = default;
};

// Whether both label everything alike, options included.
[[nodiscard]] bool same_inventory(const endpoint::Inventory& a, const endpoint::Inventory& b);
// Whether the options that labels depend on are the same: if not, more than addresses changes.
[[nodiscard]] bool same_options(const endpoint::Inventory& a, const endpoint::Inventory& b);

// From `before` to `after`, in the order of prefixes, for a node that runs these shapes. Where only
// pods differ the work is one look at each pod, and labels are made for those that differ alone.
[[nodiscard]] std::vector<AddressChange> address_changes(
    const endpoint::Inventory& before, const endpoint::Inventory& after,
    const std::vector<const ir::Shape*>& shapes);

}  // namespace policyc::reconcile
