#include <algorithm>

#include "compiler/ir/direction_matrix.h"
#include "compiler/ir/verify.h"
#include "compiler/passes/passes.h"
#include "compiler/support/check.h"

namespace policyc::passes {
namespace {

// Types hold required passes to this order; what speaks for the place of an optional one:
using All =
    Pipeline<Normalise, ExpandEntities, ExpandNamedPorts, ExpandRanges, DefaultDeny,
             Merge,  // the width of a rule's ports, which it changes, breaks ties in precedence
             Precedence,
             RemoveDead,       // before predicates are joined: it looks at single peers
             MergeRows,        // after what takes rules out
             PeerPredicates,   // after whatever changes a rule's peers
             PrunePredicates,  // after whatever takes rules or peers out
             PortClasses, VerdictMatrix, MergeColumns, ChooseForm>;

#ifdef NDEBUG
constexpr bool kVerifyResult = false;
#else
constexpr bool kVerifyResult = true;
#endif

bool all_fit(const ir::EndpointPolicy& policy) {
  return std::all_of(policy.directions.begin(), policy.directions.end(),
                     [](const ir::DirectionPolicy& direction) { return ir::fits(direction); });
}

Outcome verify_after(std::string_view name, const ir::EndpointPolicy& policy, Report& report) {
  const auto violations = ir::verify(policy);
  for (const ir::Violation& violation : violations)
    report.violations.push_back("after " + std::string(name) + ": " + violation.to_string());
  return violations.empty() ? Outcome::Done : Outcome::Broken;
}

bool disabled(const Pass& pass, const Options& options) {
  const auto& names = options.disabled;
  return !pass.required && std::find(names.begin(), names.end(), pass.name) != names.end();
}

}  // namespace

std::span<const Pass> pipeline() { return All::kPasses; }

const Pass* find_pass(std::string_view name) {
  const auto found = std::find_if(All::kPasses.begin(), All::kPasses.end(),
                                  [name](const Pass& pass) { return pass.name == name; });
  return found == All::kPasses.end() ? nullptr : &*found;
}

Outcome run_pass(const Pass& pass, ir::EndpointPolicy& policy, Report& report,
                 const Options& options) {
  POLICYC_CHECK(policy.stage == pass.input);
  // From here on passes make matrices.
  if (policy.stage == ir::Stage::Ranked && !all_fit(policy)) return Outcome::TooLarge;
  Context context{report, options};
  pass.run(policy, context);
  policy.stage = pass.output;
  if (options.after) options.after(pass.name, policy);
  return options.verify_each ? verify_after(pass.name, policy, report) : Outcome::Done;
}

Outcome run(ir::EndpointPolicy& policy, Report& report, const Options& options) {
  for (const Pass& pass : All::kPasses) {
    if (options.until && policy.stage >= *options.until) return Outcome::Done;
    if (pass.input < policy.stage || disabled(pass, options)) continue;
    const Outcome outcome = run_pass(pass, policy, report, options);
    if (outcome != Outcome::Done) return outcome;
  }
  if (!kVerifyResult || options.verify_each) return Outcome::Done;
  return verify_after("all passes", policy, report);
}

}  // namespace policyc::passes
