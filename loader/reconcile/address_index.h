#pragma once
// Who says something of an address, so that a change of pods asks nobody else about theirs.

#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "compiler/ir/shape.h"
#include "compiler/support/ip.h"
#include "compiler/support/shared.h"
#include "loader/endpoint/inventory.h"

namespace policyc::reconcile {

// What services know of the node and its neighbours, whatever an inventory says of them
// (Inventory::known_nodes).
using KnownNodes = Shared<std::vector<policy::ClusterNode>>;

struct AddressHash {
  std::size_t operator()(const IpAddress& address) const noexcept;
};

// How many endpoints of a list have each address.
class AddressCounts {
 public:
  explicit AddressCounts(const policy::EndpointList& endpoints);
  void follow(const policy::EndpointList::Difference& difference);
  [[nodiscard]] std::size_t of(const IpAddress& address) const;
  // How many of them are no pods.
  [[nodiscard]] std::size_t beside_pods() const { return beside_pods_; }

 private:
  void count(const policy::Endpoint& endpoint, bool comes);
  std::unordered_map<IpAddress, std::uint32_t, AddressHash> counts_;
  std::size_t beside_pods_ = 0;
};

// Addresses that are named one by one beside endpoints: of nodes, in DNS answers, as a prefix of
// CIDR groups or policies. A pod's address that is none of these has the pod's labels or none.
class NamedAddresses {
 public:
  // Made anew where any of it is different.
  void follow(const endpoint::Inventory& inventory, const KnownNodes& known,
              const std::vector<const ir::Shape*>& shapes);
  [[nodiscard]] bool contains(const IpAddress& address) const { return named_.contains(address); }

 private:
  void name(const policy::ClusterNode& node);
  void name(const IpPrefix& prefix);

  std::unordered_set<IpAddress, AddressHash> named_;
  // What they are of.
  decltype(endpoint::Inventory::prefixes) prefixes_;
  decltype(policy::Cluster::nodes) nodes_;
  decltype(policy::Cluster::dns) dns_;
  KnownNodes known_;
  std::vector<std::string> shapes_;  // hashes
};

}  // namespace policyc::reconcile
