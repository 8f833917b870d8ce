#pragma once
// Rules that an answer names, as places for findings.

#include <optional>

#include "compiler/ir/ir.h"
#include "compiler/source/source.h"

namespace policyc::cli {

// The text of the rule's line, where `sources` has its file; nothing for a rule of an agent option.
[[nodiscard]] std::optional<source::Range> place_of(const source::SourceMap& sources,
                                                    const ir::Origin& origin);

}  // namespace policyc::cli
