#pragma once

#include "compiler/driver/shape_engine.h"
#include "compiler/support/result.h"

namespace policyc::testrun {

// Compiles each shape and runs it in the kernel on a packet of the flow (runner.h). Needs root.
[[nodiscard]] Result<driver::ShapeOracle> kernel_oracle();

}  // namespace policyc::testrun
