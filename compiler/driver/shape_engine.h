#pragma once
// Engines that answer the flows of a scenario from compiled shapes: each subject's policy goes
// through IR and passes, as in `policyc compile`; what the shape then answers is asked of an
// oracle.

#include <cstdint>
#include <functional>

#include "compiler/ir/shape.h"
#include "compiler/policy/labels.h"
#include "compiler/scenario/scenario.h"
#include "compiler/source/source.h"
#include "compiler/support/result.h"

namespace policyc::driver {

struct ShapeQuestion {
  std::size_t direction = 0;  // policyc_direction: 0 ingress, 1 egress
  const policy::LabelSet* peer = nullptr;
  std::uint8_t protocol = 6;
  std::uint16_t port = 0;  // host order; ICMP type
  bool ipv6 = false;       // of the packet, where the protocol leaves it open
};

// Gives a POLICYC_DECISION. `sources` are those that the shape's rules name.
using ShapeOracle = std::function<Result<std::uint32_t>(
    const ir::Shape& shape, const source::SourceMap& sources, const ShapeQuestion& question)>;

// Results hold verdict, parser, whether default deny decided, and for a redirect what the L7
// matchers say of the request; a subject whose policy cannot be computed denies.
[[nodiscard]] scenario::Engine shape_engine(ShapeOracle oracle);
// Answers from the verdict matrices, in user space.
[[nodiscard]] scenario::Engine matrix_engine();

}  // namespace policyc::driver
