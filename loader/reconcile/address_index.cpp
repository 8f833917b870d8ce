#include "loader/reconcile/address_index.h"

#include <algorithm>
#include <functional>
#include <string_view>

#include "loader/endpoint/identities.h"

namespace policyc::reconcile {

std::size_t AddressHash::operator()(const IpAddress& address) const noexcept {
  return std::hash<std::string_view>{}(
      {reinterpret_cast<const char*>(address.bytes.data()), address.bytes.size()});
}

AddressCounts::AddressCounts(const policy::EndpointList& endpoints) {
  counts_.reserve(endpoints.size());
  for (const policy::Endpoint& endpoint : endpoints) count(endpoint, true);
}

void AddressCounts::count(const policy::Endpoint& endpoint, bool comes) {
  if (endpoint.kind != policy::EndpointKind::Pod) comes ? ++beside_pods_ : --beside_pods_;
  for (const IpAddress& address : endpoint.addresses) {
    if (comes) {
      ++counts_[address];
    } else if (const auto found = counts_.find(address); --found->second == 0) {
      counts_.erase(found);
    }
  }
}

void AddressCounts::follow(const policy::EndpointList::Difference& difference) {
  for (const policy::EndpointRef& one : difference.gone) count(*one, false);
  for (const policy::EndpointRef& one : difference.come) count(*one, true);
}

std::size_t AddressCounts::of(const IpAddress& address) const {
  const auto found = counts_.find(address);
  return found == counts_.end() ? 0 : found->second;
}

void NamedAddresses::name(const policy::ClusterNode& node) {
  named_.insert(node.addresses.begin(), node.addresses.end());
}

void NamedAddresses::name(const IpPrefix& prefix) {
  if (prefix.length == prefix.address.bit_length()) named_.insert(prefix.address);
}

void NamedAddresses::follow(const endpoint::Inventory& inventory, const KnownNodes& known,
                            const std::vector<const ir::Shape*>& shapes) {
  const auto same_shapes =
      std::ranges::equal(shapes, shapes_, {}, [](const ir::Shape* shape) { return shape->hash; });
  if (same_shapes && prefixes_ == inventory.prefixes && nodes_ == inventory.cluster.nodes &&
      dns_ == inventory.cluster.dns && known_ == known)
    return;
  prefixes_ = inventory.prefixes;
  nodes_ = inventory.cluster.nodes;
  dns_ = inventory.cluster.dns;
  known_ = known;
  shapes_.clear();
  named_.clear();
  for (const policy::PrefixLabels& one : prefixes_) name(one.prefix);
  for (const policy::ClusterNode& node : nodes_) name(node);
  for (const policy::ClusterNode& node : known_) name(node);
  for (const auto& [name, addresses] : dns_) named_.insert(addresses.begin(), addresses.end());
  for (const ir::Shape* shape : shapes) {
    shapes_.push_back(shape->hash);
    endpoint::each_prefix_of(*shape, [this](const IpPrefix& prefix) { name(prefix); });
  }
}

}  // namespace policyc::reconcile
