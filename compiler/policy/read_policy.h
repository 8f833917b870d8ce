#pragma once
// Checked manifest trees to the typed model of model.h.

#include "compiler/manifest/document.h"
#include "compiler/policy/model.h"
#include "compiler/policy/read_node.h"

namespace policyc::policy {

[[nodiscard]] CiliumPolicy read_cilium_policy(const manifest::Document& document,
                                              NullReading nulls);
[[nodiscard]] CidrGroup read_cidr_group(const manifest::Document& document, NullReading nulls);
// With the API server's defaults: policyTypes, and protocol TCP (spec section 8.3, 8.4).
[[nodiscard]] KubernetesPolicy read_kubernetes_policy(const manifest::Document& document);

// Parts, each in its own file.
[[nodiscard]] Rule read_rule(const manifest::Node& node, NullReading nulls);
[[nodiscard]] PortRule read_port_rule(const manifest::Node& node, NullReading nulls);
[[nodiscard]] FqdnSelector read_fqdn(const manifest::Node& node);

}  // namespace policyc::policy
