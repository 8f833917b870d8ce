#pragma once
// Passes over the IR of one endpoint. Each takes IR and returns IR of the same meaning; each has
// its own file and a name by which it can be listed, dumped after and disabled. pipeline.cpp is the
// only place that names them all.

#include <functional>
#include <string_view>
#include <vector>

#include "compiler/ir/ir.h"

namespace policyc::passes {

// A rule that a pass took out because it can never decide, for messages.
struct RemovedRule {
  ir::Rule rule;
  std::string_view reason;
};

struct Report {
  std::vector<RemovedRule> removed;
};

struct Pass {
  std::string_view name;
  std::string_view summary;
  std::function<void(ir::EndpointPolicy&, Report&)> run;
};

// In the order in which they run.
[[nodiscard]] const std::vector<Pass>& pipeline();

// Runs all passes but those named in `disabled`; `after` is called with the name of each pass that
// ran.
void run(ir::EndpointPolicy& policy, Report& report, const std::vector<std::string>& disabled = {},
         const std::function<void(std::string_view, const ir::EndpointPolicy&)>& after = {});

[[nodiscard]] Pass coalesce_ports();
[[nodiscard]] Pass remove_unmatchable();
[[nodiscard]] Pass remove_shadowed();
[[nodiscard]] Pass peer_predicates();
[[nodiscard]] Pass prune_predicates();

}  // namespace policyc::passes
