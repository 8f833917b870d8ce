#pragma once
// What was suggested and what its proof says, for people and programs.

#include <string>

#include "compiler/suggest/flow_reader.h"
#include "compiler/suggest/proof.h"

namespace policyc::suggest {

struct Summary {
  const std::string& policies;
  const ReadFlows& flows;
  const Proof& proof;  // without an error
};

// At most `max_listed` connections of each kind are named.
[[nodiscard]] std::string to_text(const Summary& summary, std::size_t max_listed);
// {"schemaVersion": 1, "policies", "flows", ...} (docs/suggest.md).
[[nodiscard]] std::string to_json(const Summary& summary);

}  // namespace policyc::suggest
