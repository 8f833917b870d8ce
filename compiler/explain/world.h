#pragma once
// Everybody that sides name, as policies see them: pods, entities and addresses with the labels
// that the IP cache has of them.

#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "compiler/eval/eval.h"
#include "compiler/explain/side.h"
#include "compiler/policy/address_book.h"
#include "compiler/policy/entry.h"
#include "compiler/source/source.h"
#include "compiler/support/result.h"

namespace policyc::explain {

// The policies and what they were resolved against; everything must outlive what is made from it.
struct Model {
  const policy::Cluster& cluster;
  const policy::Resolved& resolved;
  const policy::Options& agent;
  const source::SourceMap& sources;
};

// One who can be at an end of a connection.
struct End {
  std::string name;       // "shop/web-0", "world 203.0.113.9", "host"
  std::size_t alike = 1;  // how many of a side no policy can tell from this one, itself included
  std::optional<std::size_t> endpoint;  // in the world's cluster: its own policies are asked
  policy::LabelSet labels;              // what peers see
  std::optional<bool> v6;               // the only family in which it is met
  eval::Peer peer;                      // how the evaluator names it
};

class World {
 public:
  // `sides`: those that will be asked for. DNS names of theirs that have no address get one that
  // nobody has; with `imagine` labels that no pod has become a pod (imagined_pod()).
  World(const Model& model, std::span<const Side> sides, bool imagine);
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  // Everybody of a side, once for each that policies can tell apart. An Error when there is nobody.
  [[nodiscard]] Result<std::vector<End>> ends(const Side& side) const;

  // The model's, with whoever was added.
  [[nodiscard]] const policy::Cluster& cluster() const { return cluster_; }
  [[nodiscard]] const policy::AddressBook& book() const { return *book_; }

 private:
  void add_names(std::span<const Side> sides);
  [[nodiscard]] bool selects(const Side& side, const policy::Endpoint& endpoint,
                             const policy::AddressBook& book) const;
  [[nodiscard]] End pod(std::size_t index) const;
  [[nodiscard]] End address(const IpAddress& address) const;
  [[nodiscard]] std::vector<End> pods(const Side& side) const;
  [[nodiscard]] std::vector<End> entity(const std::string& name) const;
  [[nodiscard]] std::vector<End> addresses(const IpPrefix& prefix, bool world_only) const;
  void read_book();

  const Model& model_;
  policy::Cluster cluster_;
  std::optional<policy::AddressBook> book_;
  std::vector<IpPrefix> known_;  // of the book, sorted
  std::unordered_map<std::string, std::size_t> by_name_;
  std::map<IpAddress, std::size_t> by_address_;
};

// Everything about an endpoint that its policy can depend on.
[[nodiscard]] std::string subject_key(const policy::Endpoint& endpoint,
                                      const policy::AddressBook& book);

}  // namespace policyc::explain
