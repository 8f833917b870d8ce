#pragma once
// Gives identities their numbers and peer classes, and addresses their identities.

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <unordered_set>
#include <vector>

#include "compiler/ir/shape.h"
#include "compiler/policy/labels.h"
#include "compiler/support/result.h"
#include "loader/endpoint/inventory.h"
#include "loader/endpoint/state.h"
#include "loader/maps/ipcache.h"

namespace policyc::endpoint {

// Where a number is taken from (Cilium pkg/identity/numericidentity.go).
enum class IdentityScope : std::uint8_t {
  Reserved,    // fixed numbers below 256
  Cluster,     // pods: from 256
  Local,       // CIDRs and DNS names: from 0x01000001
  RemoteNode,  // nodes with labels: from 0x02000001
};
[[nodiscard]] IdentityScope scope_of(const policy::LabelSet& labels);

// Numbers identities into a state. Nobody else may change the state's identities meanwhile.
class IdentityAllocator {
 public:
  explicit IdentityAllocator(State& state);
  // The record of those labels; a new one gets the scope's next free number and the lowest class
  // that nobody has. Errors when numbers run out.
  [[nodiscard]] Result<IdentityRecord> ensure(const policy::LabelSet& labels);

 private:
  [[nodiscard]] Result<std::uint32_t> next_number(IdentityScope scope);
  [[nodiscard]] std::uint32_t next_class();

  State& state_;
  std::map<policy::LabelSet, std::size_t> index_;  // into state_.identities
  std::unordered_set<std::uint32_t> numbers_;
  std::unordered_set<std::uint32_t> classes_;
  std::uint32_t lowest_class_ = 1;  // every class below is taken
};

// Addresses and world labels as the kernel is to know them.
struct AddressTable {
  maps::IpCache entries;
  IdentityRecord world4;
  IdentityRecord world6;
  std::set<std::uint32_t> classes;  // all that are in use
};

// Labels every address: pods, nodes and names of the inventory, every prefix that one of the shapes
// asks for, and the endpoints' own addresses where they were given labels. Numbers are taken from
// (and added to) `state`.
[[nodiscard]] Result<AddressTable> build_addresses(State& state, const Inventory& inventory,
                                                   const std::vector<ir::Shape>& shapes);

// The labels of an address in that inventory; the world's when it is unknown.
[[nodiscard]] policy::LabelSet labels_of(const Inventory& inventory,
                                         const std::vector<ir::Shape>& shapes,
                                         const IpAddress& address);
// "namespace/name" of the pod with that address; empty when there is none.
[[nodiscard]] std::string name_of(const Inventory& inventory, const IpAddress& address);

// Forgets identities whose class is not in `used`; their classes may be given again by a later run.
void retire_identities(State& state, const std::set<std::uint32_t>& used_classes);

}  // namespace policyc::endpoint
