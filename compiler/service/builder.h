#pragma once
// One service and its slices to what a node should balance. Semantics: Kubernetes' virtual IPs and
// KEP-1669, as Cilium 1.19.4 follows them (docs/services.md).

#include <vector>

#include "compiler/service/desired.h"
#include "compiler/service/directory.h"
#include "compiler/service/model.h"

namespace policyc::service {

// No frontends: there is nothing to balance.
[[nodiscard]] DesiredService build_service(const Service& service,
                                           const std::vector<const EndpointSlice*>& slices,
                                           const NodeView& node, const Defaults& defaults);
[[nodiscard]] DesiredService build_host_ports(const HostPortPod& pod, const NodeView& node,
                                              const Defaults& defaults);

}  // namespace policyc::service
