#pragma once
// Labels of addresses: of all that exist, or of some at the cost of these.

#include <map>
#include <optional>
#include <set>
#include <vector>

#include "compiler/ir/shape.h"
#include "compiler/policy/labels.h"
#include "compiler/support/ip.h"
#include "loader/endpoint/inventory.h"
#include "loader/reconcile/address_index.h"

namespace policyc::reconcile {

// What labels addresses, on a node that runs these shapes. It must outlive this.
struct LabelSources {
  const endpoint::Inventory& inventory;
  const KnownNodes& known;
  const std::vector<const ir::Shape*>& shapes;
};

using Labels = std::map<IpPrefix, policy::LabelSet>;
using EndpointRefs = std::vector<policy::EndpointRef>;

[[nodiscard]] Labels all_labels(const LabelSources& sources);
// Of what is no pod.
[[nodiscard]] Labels labels_beside_pods(const LabelSources& sources);
// Of these addresses, which no endpoint but `owners` has, in the order of the list. A pod's labels
// are its own, whatever else is said of its address. Without `named` something else may be said of
// each.
[[nodiscard]] Labels labels_of(const LabelSources& sources, const NamedAddresses* named,
                               const std::set<IpAddress>& addresses, const EndpointRefs& owners);

// Prefixes and addresses whose labels may differ between the two, in which pods, options and shapes
// are alike: of nodes, DNS answers and prefixes that differ, and of what lies in such a prefix.
// Nothing: many, or the host's, whose addresses have the labels of each other.
[[nodiscard]] std::optional<std::set<IpPrefix>> affected_prefixes(const LabelSources& before,
                                                                  const LabelSources& after);
// Of these, but for what endpoints say; what has none is not there.
[[nodiscard]] Labels labels_of(const LabelSources& sources, const std::set<IpPrefix>& prefixes);

}  // namespace policyc::reconcile
