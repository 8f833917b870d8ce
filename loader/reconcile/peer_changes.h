#pragma once
// What a change of the cluster is for the IP cache: addresses and their labels.

#include <array>
#include <cstdint>
#include <set>
#include <unordered_map>
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

// How many endpoints of a list have each address.
class AddressCounts {
 public:
  explicit AddressCounts(const policy::EndpointList& endpoints);
  void follow(const policy::EndpointList::Difference& difference);
  [[nodiscard]] std::size_t of(const IpAddress& address) const;

 private:
  struct Hash {
    std::size_t operator()(const IpAddress& address) const noexcept;
  };
  void count(const policy::Endpoint& endpoint, bool comes);
  std::unordered_map<IpAddress, std::uint32_t, Hash> counts_;
};

// Whether both label everything alike, options included.
[[nodiscard]] bool same_inventory(const endpoint::Inventory& a, const endpoint::Inventory& b);
// Whether nothing but endpoints of the cluster is different.
[[nodiscard]] bool same_but_endpoints(const endpoint::Inventory& a, const endpoint::Inventory& b);
// Whether the options that labels depend on are the same: if not, more than addresses changes.
[[nodiscard]] bool same_options(const endpoint::Inventory& a, const endpoint::Inventory& b);

// What services know of the node and its neighbours, whatever an inventory says of them
// (Inventory::known_nodes).
using KnownNodes = std::vector<policy::ClusterNode>;

// From `before` to `after`, in the order of prefixes, for a node that runs these shapes. Unless
// namespaces or options differ the work is that of the chunks of pods that differ, and labels are
// made for those that differ and for what is no pod. `counts` is of the endpoints of `before`, and
// afterwards of those of `after`.
[[nodiscard]] std::vector<AddressChange> address_changes(
    const endpoint::Inventory& before, const endpoint::Inventory& after, const KnownNodes& known,
    const std::vector<const ir::Shape*>& shapes, AddressCounts& counts);

// What other prefixes, and addresses that no pod has, are labelled when other shapes ask: the
// labels of pods are their own. In the order of prefixes.
[[nodiscard]] std::vector<AddressChange> shape_changes(const endpoint::Inventory& inventory,
                                                       const KnownNodes& known,
                                                       const std::vector<const ir::Shape*>& before,
                                                       const std::vector<const ir::Shape*>& after);
// Labels of the world, for IPv4 and IPv6.
[[nodiscard]] std::array<policy::LabelSet, 2> world_labels(const endpoint::Inventory& inventory);

// What an inventory says of these addresses: labels, or that they go.
[[nodiscard]] std::vector<AddressChange> labels_of(const endpoint::Inventory& inventory,
                                                   const KnownNodes& known,
                                                   const std::vector<const ir::Shape*>& shapes,
                                                   const std::set<IpAddress>& addresses);

}  // namespace policyc::reconcile
