#pragma once
// Identity labels of endpoints, one after the other: most are of the namespace of the one before.

#include <map>
#include <string>

#include "compiler/policy/endpoint_list.h"
#include "compiler/policy/labels.h"
#include "compiler/policy/options.h"

namespace policyc::policy {

class PodLabels {
 public:
  using Namespaces = std::map<std::string, StringMap>;  // name -> labels
  // Both must outlive it.
  PodLabels(const Namespaces& namespaces, const Options& options)
      : namespaces_(&namespaces), options_(&options) {}

  // Of an endpoint of EndpointKind::Pod (spec section 4.1), which must live until the next is asked
  // for.
  [[nodiscard]] LabelSet of(const Endpoint& pod);

 private:
  const Namespaces* namespaces_;
  const Options* options_;
  const Endpoint* last_ = nullptr;
  LabelSet derived_;  // of the last one: what is not of its own labels
};

}  // namespace policyc::policy
