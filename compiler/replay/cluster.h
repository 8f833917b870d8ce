#pragma once
// The endpoints of flows as a cluster.

#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "compiler/explain/world.h"
#include "compiler/flows/reader.h"

namespace policyc::replay {

class FlowCluster {
 public:
  FlowCluster(const policy::Cluster& inventory, const policy::Options& agent);

  // Makes its ends known; all flows first, then what follows.
  void add(const flows::FlowRecord& flow);
  [[nodiscard]] const policy::Cluster& cluster() const { return cluster_; }
  // One end of a flow that was added, in a world over cluster().
  [[nodiscard]] explain::End end(const flows::FlowEnd& end, const explain::World& world) const;

 private:
  void add_end(const flows::FlowEnd& end);
  [[nodiscard]] bool is_pod(const flows::FlowEnd& end) const;
  [[nodiscard]] static std::string key_of(const flows::FlowEnd& end);

  policy::Cluster cluster_;
  const policy::Options& agent_;
  std::unordered_map<std::string, std::size_t> pods_;  // by key -> endpoint of the cluster
  std::unordered_map<std::string, std::size_t> by_name_;
};

}  // namespace policyc::replay
