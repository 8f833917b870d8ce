#pragma once
// Pages of rules, as Markdown.

#include <string>

#include "compiler/lint/rule.h"

namespace policyc::lint {

// What, why, example, how to repair: without a heading.
[[nodiscard]] std::string page_of(const Rule& rule);
// docs/lint.md as a whole.
[[nodiscard]] std::string document();

}  // namespace policyc::lint
