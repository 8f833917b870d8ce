#pragma once
// Passes over the IR of one endpoint. Each takes IR and returns IR of the same meaning; each has
// its own file and a name by which it can be listed, dumped after and disabled. pipeline.cpp is the
// only place that names the order; docs/ir.md has the table of passes and stages.

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/ir/form.h"
#include "compiler/ir/ir.h"

namespace policyc::passes {

// A rule that a pass took out because it can never decide.
struct RemovedRule {
  ir::Rule rule;
  std::size_t direction = 0;
  std::string reason;            // "it names no port"
  std::uint32_t covered_by = 0;  // the id of a stronger rule, or 0
};

// A port name without a number: the rule does without it (spec section 6.5).
struct LostPort {
  ir::Origin origin;
  std::uint32_t rule = 0;
  std::size_t direction = 0;
  std::string name;  // "tcp/http"
};

struct Report {
  std::vector<RemovedRule> removed;
  std::vector<LostPort> lost_ports;
  std::vector<std::string> violations;  // "after merge: ingress rule 3: ..."
};

struct Options {
  std::vector<std::string> disabled;  // names of optional passes
  ir::FormOptions form;
  bool verify_each = false;        // verify the IR after each pass, not only at the end
  std::optional<ir::Stage> until;  // stop when this stage is reached
  std::function<void(std::string_view, const ir::EndpointPolicy&)> after;  // of each pass that ran
};

enum class Outcome : std::uint8_t {
  Done,
  TooLarge,  // more rules and ports than a matrix may have (matrix::fits)
  Broken,    // the verifier found what Report::violations lists: a bug of policyc
};

struct Context {
  Report& report;
  const Options& options;
};

struct Pass {
  std::string_view name;
  std::string_view summary;
  bool required;
  ir::Stage input;
  ir::Stage output;
  void (*run)(ir::EndpointPolicy&, Context&);
};

// In the order in which they run.
[[nodiscard]] std::span<const Pass> pipeline();
[[nodiscard]] const Pass* find_pass(std::string_view name);

// Runs one pass on IR of the stage that it takes.
[[nodiscard]] Outcome run_pass(const Pass& pass, ir::EndpointPolicy& policy, Report& report,
                               const Options& options = {});

// Runs the passes from the stage of `policy` on. Builds without NDEBUG verify the result.
[[nodiscard]] Outcome run(ir::EndpointPolicy& policy, Report& report, const Options& options = {});

}  // namespace policyc::passes
