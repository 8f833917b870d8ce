#pragma once

#include "compiler/scenario/json_reader.h"
#include "compiler/scenario/scenario.h"

namespace policyc::scenario {

[[nodiscard]] FlowCase read_flow(const Value& source);

}  // namespace policyc::scenario
