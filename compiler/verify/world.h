#pragma once
// A cluster in which every peer of an enumeration exists, and the evaluator over it.

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "compiler/eval/eval.h"
#include "compiler/policy/address_book.h"
#include "compiler/verify/subjects.h"

namespace policyc::verify {

// Addresses that nobody has yet, by the prefixes that lie above them.
class FreeAddresses {
 public:
  explicit FreeAddresses(const policy::AddressBook& book);

  // An address inside the prefix and outside every longer one, or nothing. It is taken then.
  [[nodiscard]] std::optional<IpAddress> take_inside(const IpPrefix& prefix);
  // An address of the world: inside no known prefix but one of length zero.
  [[nodiscard]] std::optional<IpAddress> take_outside(bool v6);

 private:
  [[nodiscard]] std::optional<IpAddress> find_inside(const IpPrefix& prefix) const;
  [[nodiscard]] bool holds_longer(const IpPrefix& prefix) const;

  std::set<IpPrefix> known_;
};

// Someone on the other side of a connection.
struct PlannedPeer {
  eval::Peer peer;
  bool ipv4 = true;  // the families in which it is met
  bool ipv6 = true;
};

// A world while peers are added to it.
struct WorldPlan {
  WorldPlan(const Model& model, const Subject& subject, const policy::Resolved& entries);

  const policy::Resolved* entries;
  policy::Cluster cluster;
  FreeAddresses free;
  std::vector<PlannedPeer> peers;

  void add_address(const IpAddress& address);
  void add_node(policy::NodeRole role, policy::StringMap labels, const IpAddress& address);
  void add_entity(const std::string& name);
};

class World {
 public:
  World(policy::Cluster cluster, const policy::Resolved& entries, const policy::Options& agent);
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  [[nodiscard]] policy::LabelSet labels_of(const eval::Peer& peer) const;
  [[nodiscard]] eval::Evaluator& evaluator() { return evaluator_; }

 private:
  policy::Cluster cluster_;
  policy::AddressBook book_;
  eval::Evaluator evaluator_;
  std::unordered_map<std::string, std::size_t> endpoints_;  // by full name
};

}  // namespace policyc::verify
