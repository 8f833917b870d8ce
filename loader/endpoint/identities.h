#pragma once
// Gives identities their numbers, and addresses their identities.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "compiler/ir/shape.h"
#include "compiler/policy/address_book.h"
#include "compiler/policy/labels.h"
#include "compiler/support/result.h"
#include "loader/endpoint/inventory.h"
#include "loader/endpoint/state.h"

namespace policyc::endpoint {

// Where a number is taken from (Cilium pkg/identity/numericidentity.go).
enum class IdentityScope : std::uint8_t {
  Reserved,    // fixed numbers below 256
  Cluster,     // pods: from 256; of another cluster with its number from bit 16 on
  Local,       // CIDRs and DNS names: from 0x01000001
  RemoteNode,  // nodes with labels: from 0x02000001
};
[[nodiscard]] IdentityScope scope_of(const policy::LabelSet& labels);

// Numbers identities into a state. Nobody else may change the state's identities meanwhile.
class IdentityAllocator {
 public:
  // `cluster`: the name of this one. Others get numbers of their own as their pods come, which they
  // keep while they have identities.
  IdentityAllocator(State& state, std::string cluster);
  // The record of those labels, as an index into the state's identities; a new one gets the scope's
  // next free number, and no class yet. Errors when numbers run out.
  [[nodiscard]] Result<std::size_t> ensure(const policy::LabelSet& labels);

 private:
  [[nodiscard]] Result<std::uint32_t> next_number(const policy::LabelSet& labels);
  // The first free one from `counter` on, around the range from `first` to `last`.
  [[nodiscard]] Result<std::uint32_t> next_free(std::uint32_t& counter, std::uint32_t first,
                                                std::uint32_t last);
  [[nodiscard]] Result<RemoteCluster*> remote_cluster(const std::string& name);

  State& state_;
  std::string cluster_;
  // Into state_.identities.
  std::unordered_map<policy::LabelSet, std::size_t, policy::LabelSetHash> index_;
  std::unordered_set<std::uint32_t> numbers_;
};

// While it lives the state's counters are `count` numbers on: for what a process writes that may
// die before it writes the identities that it gives. Whoever finds the state so gives none of
// theirs.
class ReservedNumbers {
 public:
  ReservedNumbers(State& state, std::uint32_t count);
  ~ReservedNumbers();
  ReservedNumbers(const ReservedNumbers&) = delete;
  ReservedNumbers& operator=(const ReservedNumbers&) = delete;

 private:
  State& state_;
  std::uint32_t cluster_;
  std::uint32_t local_;
  std::uint32_t remote_node_;
  std::map<std::string, RemoteCluster> clusters_;
};

// Prefixes that the policy's predicates name.
void each_prefix_of(const ir::Shape& shape, const std::function<void(const IpPrefix&)>& take);

// The labels of every address: pods, nodes and names of the inventory, and every prefix that one of
// the shapes asks for. The inventory must outlive it.
[[nodiscard]] policy::AddressBook label_addresses(const Inventory& inventory,
                                                  const std::vector<const ir::Shape*>& shapes);

// Addresses and world labels by their records (indices into State::identities).
struct AddressTable {
  struct Entry {
    std::uint32_t identity = 0;  // an endpoint's may differ from that of its labels
    std::size_t record = 0;
  };
  std::map<IpPrefix, Entry> entries;
  std::size_t world4 = 0;
  std::size_t world6 = 0;
};

// Numbers every address of the book, and the endpoints' own addresses where they were given labels.
// Numbers are taken from (and added to) `state`.
[[nodiscard]] Result<AddressTable> number_addresses(State& state, const policy::AddressBook& book);

// "namespace/name" of the pod with that address; empty when there is none.
[[nodiscard]] std::string name_of(const Inventory& inventory, const IpAddress& address);

}  // namespace policyc::endpoint
