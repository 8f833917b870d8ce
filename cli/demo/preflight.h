#pragma once
// Says at once what the demo cannot do without: root, BPF, `ip`.

#include "compiler/support/result.h"

namespace policyc::demo {

[[nodiscard]] Result<void> preflight();

}  // namespace policyc::demo
