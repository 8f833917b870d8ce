#pragma once
// What a change of the cluster is for the IP cache: addresses and their labels.

#include <array>
#include <set>
#include <vector>

#include "compiler/ir/shape.h"
#include "compiler/policy/labels.h"
#include "compiler/support/ip.h"
#include "loader/endpoint/inventory.h"
#include "loader/reconcile/address_index.h"
#include "loader/reconcile/address_labels.h"

namespace policyc::reconcile {

struct AddressChange {
  IpPrefix prefix;
  policy::LabelSet labels;  // empty: the address is gone
  friend bool operator==(const AddressChange&, const AddressChange&) = default;
};

// Whether both label everything alike, options included.
[[nodiscard]] bool same_inventory(const endpoint::Inventory& a, const endpoint::Inventory& b);
// Whether nothing but endpoints of the cluster is different.
[[nodiscard]] bool same_but_endpoints(const endpoint::Inventory& a, const endpoint::Inventory& b);
// Whether the options that labels depend on are the same: if not, more than addresses changes.
[[nodiscard]] bool same_options(const endpoint::Inventory& a, const endpoint::Inventory& b);

// Kept from one change to the next.
struct AddressIndex {
  AddressCounts& counts;  // of the endpoints of `before`, and afterwards of those of `after`
  NamedAddresses& named;
};

// From `before` to `after`, in the order of prefixes, for a node that runs these shapes. Where
// nothing but pods differs the work is that of the chunks of pods that differ, whatever else there
// is; where namespaces differ, also of their pods; where few nodes, DNS answers or prefixes differ,
// that of finding them.
[[nodiscard]] std::vector<AddressChange> address_changes(
    const endpoint::Inventory& before, const endpoint::Inventory& after, const KnownNodes& known,
    const std::vector<const ir::Shape*>& shapes, const AddressIndex& index);

// What other prefixes, and addresses that no pod has, are labelled when other shapes ask: the
// labels of pods are their own. In the order of prefixes.
[[nodiscard]] std::vector<AddressChange> shape_changes(const endpoint::Inventory& inventory,
                                                       const KnownNodes& known,
                                                       const std::vector<const ir::Shape*>& before,
                                                       const std::vector<const ir::Shape*>& after);
// Labels of the world, for IPv4 and IPv6.
[[nodiscard]] std::array<policy::LabelSet, 2> world_labels(const endpoint::Inventory& inventory);

// What makes these addresses what is said of them: labels, or that they go.
[[nodiscard]] std::vector<AddressChange> changes_to(const LabelSources& sources,
                                                    NamedAddresses& named,
                                                    const std::set<IpAddress>& addresses);

}  // namespace policyc::reconcile
