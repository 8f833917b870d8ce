#pragma once
// The parts of judge() (findings.h), for loader/network alone. Each adds what it finds.

#include <vector>

#include "loader/network/findings.h"

namespace policyc::network {

void judge_mtus(const Network& network, std::vector<Finding>& findings);
// Programs and filters of others, on interfaces and at sockets.
void judge_hooks(const Network& network, std::vector<Finding>& findings);

}  // namespace policyc::network
