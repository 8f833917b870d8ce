#pragma once
// The answer of `policyc doctor kube-proxy`, for people and for programs (docs/kube-proxy.md).

#include <iosfwd>

#include <nlohmann/json_fwd.hpp>

#include "loader/kubeproxy/cleanup.h"
#include "loader/kubeproxy/scan.h"

namespace policyc::cli {

void print_text(const kubeproxy::Findings& findings, std::ostream& out);
[[nodiscard]] nlohmann::ordered_json to_json(const kubeproxy::Findings& findings);

// What a cleanup did; failures and what was kept too.
void print_text(const kubeproxy::Cleaned& cleaned, std::ostream& out);
[[nodiscard]] nlohmann::ordered_json to_json(const kubeproxy::Cleaned& cleaned);

}  // namespace policyc::cli
