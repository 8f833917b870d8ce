#pragma once
// What every IR must be, and what its stage promises. A violation is a bug of a pass, or of text
// that somebody wrote.

#include <cstdint>
#include <string>
#include <vector>

#include "compiler/ir/ir.h"

namespace policyc::ir {

struct Violation {
  std::size_t direction = 0;
  std::uint32_t rule = 0;  // its id; 0: the direction or the policy as a whole
  std::string what;
  // "ingress rule 3: names a predicate that does not exist".
  [[nodiscard]] std::string to_string() const;
};

// In the order of the rules; empty for good IR. Precedence follows spec section 6.5. Costs about as
// much as making the matrices once.
[[nodiscard]] std::vector<Violation> verify(const EndpointPolicy& policy);

}  // namespace policyc::ir
