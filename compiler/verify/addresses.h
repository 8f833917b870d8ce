#pragma once
// Addresses as peers: every prefix that policies mention, DNS answers, the world, the API server
// outside the cluster.

#include <memory>
#include <vector>

#include "compiler/verify/world.h"

namespace policyc::verify {

using Plans = std::vector<std::unique_ptr<WorldPlan>>;

// Adds them to the first plan; to later and new ones what cannot be there at the same time. Returns
// how many combinations of prefix and names were left out because of the limit.
//
// Prefixes: one address inside each and outside every longer one. Names: one answer for each name
// or pattern. Names together, and names inside prefixes: by what the subject's entries and
// the object make of them, since an address may be the answer to any set of names (combinations
// above 10 different uses: pairs, and all at once).
[[nodiscard]] std::size_t add_addresses(const Model& model, const Subject& subject,
                                        const ir::Shape& shape, Plans& plans, std::size_t limit);

}  // namespace policyc::verify
