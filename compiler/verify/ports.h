#pragma once
// Which protocols and ports are asked: the edges of every port statement, resolved as the evaluator
// resolves them, and the edges that the compiled object has.

#include <cstdint>
#include <vector>

#include "compiler/eval/ports.h"
#include "compiler/ir/shape.h"
#include "compiler/verify/subjects.h"

namespace policyc::verify {

struct PortAtom {
  std::uint8_t protocol = 0;  // IP protocol number
  std::uint16_t port = 0;     // host order; ICMP type; 0 for protocols without ports
  friend auto operator<=>(const PortAtom&, const PortAtom&) = default;
};

// Sorted. Without what the datapath answers by itself: ICMPv6 router and neighbour discovery.
[[nodiscard]] std::vector<PortAtom> port_atoms(const Subject& subject, policy::Direction direction,
                                               const policy::Cluster& cluster,
                                               const ir::DirectionShape& compiled);

}  // namespace policyc::verify
