#pragma once
// Pods that belong together, and the fewest labels that say so.

#include <map>
#include <string>
#include <vector>

#include "compiler/suggest/flow_reader.h"

namespace policyc::suggest {

// Labels that select a workload in its namespace.
struct Workload {
  std::string namespace_;
  policy::StringMap labels;
  friend auto operator<=>(const Workload&, const Workload&) = default;
};

class Workloads {
 public:
  explicit Workloads(const std::set<SeenFlow>& flows);
  // Of a pod of the flows.
  [[nodiscard]] const Workload& of(const Party& pod) const { return by_pod_.at(key(pod)); }
  [[nodiscard]] const std::vector<Party>& pods() const { return pods_; }

 private:
  using Key = std::pair<std::string, policy::StringMap>;
  static Key key(const Party& pod) { return {pod.namespace_, pod.labels}; }

  std::vector<Party> pods_;  // one of each set of labels
  std::map<Key, Workload> by_pod_;
};

}  // namespace policyc::suggest
