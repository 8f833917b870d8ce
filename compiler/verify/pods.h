#pragma once
// Pods and nodes as peers: from what selectors ask about labels, one witness for every combination
// of answers.

#include <string>
#include <vector>

#include "compiler/policy/labels.h"
#include "compiler/policy/options.h"
#include "compiler/policy/selector.h"

namespace policyc::verify {

struct PodWitness {
  bool any_namespace = false;  // none that a selector names; `namespace_` is empty then
  std::string namespace_;
  policy::StringMap namespace_labels;
  policy::StringMap labels;
  std::string service_account;
  std::string cluster;
};

struct PodWitnesses {
  std::vector<PodWitness> pods;
  std::size_t left_out = 0;  // States::left_out
};
[[nodiscard]] PodWitnesses pod_witnesses(const std::vector<const policy::Selector*>& selectors,
                                         const policy::Options& agent, std::size_t limit);

struct NodeWitnesses {
  std::vector<policy::StringMap> labels;
  std::size_t left_out = 0;
};
// Labels of remote nodes; one without labels where policies do not see them.
[[nodiscard]] NodeWitnesses node_witnesses(const std::vector<const policy::Selector*>& selectors,
                                           const policy::Options& agent, std::size_t limit);

}  // namespace policyc::verify
