#pragma once

#include "compiler/policy/cluster.h"
#include "compiler/policy/options.h"
#include "compiler/scenario/json_reader.h"

namespace policyc::scenario {

[[nodiscard]] policy::Options read_options(const Value& config);
// `namespaces`, `endpoints`, `nodes`, `services`, `dns` and `listeners` of a case.
[[nodiscard]] policy::Cluster read_cluster(const Value& source);

}  // namespace policyc::scenario
