#include "compiler/verify/world.h"

#include <array>

#include "compiler/support/check.h"

namespace policyc::verify {
namespace {

std::array<IpPrefix, 2> halves(const IpPrefix& prefix) {
  IpPrefix low{prefix.address, prefix.length + 1};
  IpPrefix high = low;
  std::uint8_t& byte = high.address.bytes[static_cast<std::size_t>(prefix.length / 8)];
  byte = static_cast<std::uint8_t>(byte | (0x80U >> (static_cast<unsigned>(prefix.length) % 8U)));
  return {low, high};
}

// Addresses for documentation and benchmarks, which read well in a report.
std::array<IpAddress, 2> usual_strangers(bool v6) {
  return v6 ? std::array{*parse_ip_address("2001:db8::1"), *parse_ip_address("2001:db8::2")}
            : std::array{*parse_ip_address("192.0.2.1"), *parse_ip_address("192.0.2.2")};
}

policy::AddressBook book_of(const Model& model) {
  return {model.cluster, model.resolved, model.agent};
}

}  // namespace

FreeAddresses::FreeAddresses(const policy::AddressBook& book) {
  for (const auto& entry : book.entries()) known_.insert(entry.prefix);
}

bool FreeAddresses::holds_longer(const IpPrefix& prefix) const {
  const auto found = known_.upper_bound(prefix);  // same address and longer, or a later address
  return found != known_.end() && prefix.contains(*found);
}

std::optional<IpAddress> FreeAddresses::find_inside(const IpPrefix& prefix) const {
  if (!holds_longer(prefix)) return prefix.address;
  for (const IpPrefix& half : halves(prefix)) {
    if (known_.contains(half)) continue;
    if (auto found = find_inside(half)) return found;
  }
  return std::nullopt;
}

std::optional<IpAddress> FreeAddresses::take_inside(const IpPrefix& prefix) {
  auto found = find_inside(prefix);
  if (found) known_.insert(host_prefix(*found));
  return found;
}

std::optional<IpAddress> FreeAddresses::take_outside(bool v6) {
  for (const IpAddress& address : usual_strangers(v6)) {
    bool covered = false;
    for (int length = 1; length <= address.bit_length() && !covered; ++length) {
      const IpPrefix candidate =
          *parse_ip_prefix(address.to_string() + "/" + std::to_string(length));
      covered = known_.contains(candidate);
    }
    if (covered) continue;
    known_.insert(host_prefix(address));
    return address;
  }
  return take_inside(IpPrefix{IpAddress{v6, {}}, 0});
}

WorldPlan::WorldPlan(const Model& model, const Subject& subject, const policy::Resolved& entries_in)
    : entries(&entries_in), cluster(model.cluster), free(book_of(model)) {
  // A namespace of the inventory keeps the labels that it has, also if it has none.
  for (const policy::Endpoint& endpoint : cluster.endpoints) {
    if (!endpoint.namespace_.empty()) cluster.namespaces.edit().try_emplace(endpoint.namespace_);
  }
  if (!subject.in_inventory) cluster.endpoints.push_back(subject.endpoint);
}

void WorldPlan::add_address(const IpAddress& address) {
  peers.push_back({{eval::Peer::Kind::Address, {}, address}, !address.v6, address.v6});
}

void WorldPlan::add_node(policy::NodeRole role, policy::StringMap labels,
                         const IpAddress& address) {
  policy::ClusterNode node;
  node.role = role;
  node.name = "policyc-verify-node-" + std::to_string(cluster.nodes.size());
  node.labels = std::move(labels);
  node.addresses = {address};
  cluster.nodes.push_back(std::move(node));
  add_address(address);
}

void WorldPlan::add_entity(const std::string& name) {
  peers.push_back({{eval::Peer::Kind::Entity, name, {}}, true, true});
}

World::World(policy::Cluster cluster, const policy::Resolved& entries, const policy::Options& agent)
    : cluster_(std::move(cluster)),
      book_(cluster_, entries, agent),
      evaluator_(cluster_, entries, agent) {
  for (std::size_t i = 0; i < cluster_.endpoints.size(); ++i)
    endpoints_.emplace(cluster_.endpoints[i].full_name(), i);
}

policy::LabelSet World::labels_of(const eval::Peer& peer) const {
  switch (peer.kind) {
    case eval::Peer::Kind::Entity:
      return book_.entity_labels(peer.name);
    case eval::Peer::Kind::Address:
      return book_.address_labels(peer.address);
    case eval::Peer::Kind::Endpoint:
      break;
  }
  const auto found = endpoints_.find(peer.name);
  POLICYC_CHECK(found != endpoints_.end());
  return book_.endpoint_labels(cluster_.endpoints[found->second]);
}

}  // namespace policyc::verify
