#include "compiler/manifest/document.h"
#include "compiler/policy/reader.h"
#include "compiler/scenario/scenario.h"

namespace policyc::scenario {

Prepared::Prepared(const Case& source, const std::string& name) {
  std::vector<manifest::Document> documents;
  for (std::size_t i = 0; i < source.policies.size(); ++i) {
    const std::string place =
        (name.empty() ? "" : name + ": ") + "policies[" + std::to_string(i) + "]";
    const auto file = sources_.add_file(place, source.policies[i]);
    auto found = manifest::read_documents(sources_, file, diagnostics_);
    std::move(found.begin(), found.end(), std::back_inserter(documents));
  }
  policy::ReadOptions options;
  options.agent = source.options;
  options.check_schema = false;
  options.unknown_fields_are_errors = false;
  policy::ReadResult read = policy::read_documents(documents, options, diagnostics_);
  rejected_policies_ = read.rejected_policies;
  for (policy::CiliumPolicy& policy : read.policies.cilium) {
    if (policy.kind == policy::PolicyKind::CiliumNetworkPolicy && policy.namespace_.value.empty()) {
      policy.namespace_.value = "default";  // as the API server fills it in
    }
  }
  resolved_ = policy::resolve(read.policies, source.cluster, source.options, diagnostics_);
}

Engine reference_engine() {
  return [](const Case& source, const Prepared& prepared) -> Result<std::vector<eval::FlowResult>> {
    eval::Evaluator evaluator(source.cluster, prepared.resolved(), source.options);
    std::vector<eval::FlowResult> results;
    results.reserve(source.flows.size());
    for (const FlowCase& flow : source.flows) {
      results.push_back(evaluator.evaluate(flow.flow));
    }
    return results;
  };
}

}  // namespace policyc::scenario
