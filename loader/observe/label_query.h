#pragma once
// Label selectors as people type them.

#include <string_view>

#include "compiler/policy/selector.h"
#include "compiler/support/result.h"

namespace policyc::observe {

// Kubernetes' selector syntax: requirements separated by commas, all of which must hold: `key`,
// `!key`, `key=value`, `key==value`, `key!=value`, `key in (a, b)`, `key notin (a, b)`. A key may
// have a source, `k8s:app`, `reserved:host`; without one any source fits. As in Kubernetes
// `!=` and `notin` hold for labels that are not there.
[[nodiscard]] Result<policy::Selector> parse_label_query(std::string_view text);

}  // namespace policyc::observe
