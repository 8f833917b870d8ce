#pragma once
// Selectors as written to selectors as compiled, one at a time.

#include "compiler/lint/model.h"

namespace policyc::lint {

// Of fromEndpoints or toEndpoints of a Cilium policy, scoped as the compiler scopes it.
[[nodiscard]] policy::Selector peer_selector(const Model& model, const SpecView& spec,
                                             const policy::LabelSelector& written);
// Of a policy's subject.
[[nodiscard]] policy::Selector subject_selector(const Model& model, const SpecView& spec);

// It asks for something that no pod has: reserved, cidr, fqdn or node labels, another cluster.
[[nodiscard]] bool is_about_pods(const Model& model, const policy::Selector& selector);

}  // namespace policyc::lint
