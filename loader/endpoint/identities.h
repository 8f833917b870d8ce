#pragma once
// Gives identities their numbers and peer classes, and addresses their identities.

#include <cstdint>
#include <set>
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

// The record of those labels; a new one is numbered: the scope's next free number, the lowest class that nobody has.
// Errors when numbers run out.
[[nodiscard]] Result<IdentityRecord> ensure_identity(State& state, const policy::LabelSet& labels);

// Addresses and world labels as the kernel is to know them.
struct AddressTable {
  maps::IpCache entries;
  IdentityRecord world4;
  IdentityRecord world6;
  std::set<std::uint32_t> classes;  // all that are in use
};

// Labels every address: pods, nodes and names of the inventory, every prefix that one of the shapes asks for, and the
// endpoints' own addresses where they were given labels. Numbers are taken from (and added to) `state`.
[[nodiscard]] Result<AddressTable> build_addresses(State& state, const Inventory& inventory,
                                                   const std::vector<ir::Shape>& shapes);

// The labels of an address in that inventory; the world's when it is unknown.
[[nodiscard]] policy::LabelSet labels_of(const Inventory& inventory, const std::vector<ir::Shape>& shapes,
                                         const IpAddress& address);
// "namespace/name" of the pod with that address; empty when there is none.
[[nodiscard]] std::string name_of(const Inventory& inventory, const IpAddress& address);

// Forgets identities whose class is not in `used`; their classes may be given again by a later run.
void retire_identities(State& state, const std::set<std::uint32_t>& used_classes);

}  // namespace policyc::endpoint
