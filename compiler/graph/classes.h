#pragma once
// Which label sets the predicates of all shapes tell apart.

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "compiler/graph/graph.h"
#include "compiler/identity/partition.h"

namespace policyc::graph {

class Classes {
 public:
  explicit Classes(const std::vector<ShapeUsers>& shapes);

  // The class of a label set; a new one when some predicate tells it from all before.
  [[nodiscard]] ClassIndex of(const policy::LabelSet& labels);
  [[nodiscard]] std::size_t count() const { return count_; }
  [[nodiscard]] std::size_t predicate_count() const { return partition_.predicates().size(); }

  // For each predicate of the shapes, ascending classes of which it is true. When all are known.
  [[nodiscard]] std::vector<std::vector<ClassIndex>> classes_by_predicate() const;
  // The predicate's place in classes_by_predicate().
  [[nodiscard]] std::uint32_t number(std::size_t shape, std::uint32_t predicate) const {
    return numbers_[shape][predicate];
  }

 private:
  identity::Partition partition_;
  std::vector<std::vector<std::uint32_t>> numbers_;  // by shape and predicate
  std::unordered_map<std::string, ClassIndex> by_labels_;
  std::unordered_map<identity::PeerClass, ClassIndex> by_class_;
  std::uint32_t predicates_ = 0;
  std::uint32_t next_identity_ = 1;
  std::size_t count_ = 0;
};

}  // namespace policyc::graph
