#include "compiler/explain/subjects.h"

#include <algorithm>

#include "compiler/diag/diag.h"
#include "compiler/passes/pass.h"

namespace policyc::explain {
namespace {

std::string first_error(const diag::Engine& diagnostics, const source::SourceMap& sources) {
  for (const diag::Diagnostic& diagnostic : diagnostics.all()) {
    if (diagnostic.severity != diag::Severity::Error) continue;
    const std::string place =
        diagnostic.node.valid() ? sources.file_line_column(diagnostic.node) + ": " : "";
    return place + diagnostic.message;
  }
  return {};
}

passes::Options required_alone() {
  passes::Options options;
  for (const passes::Pass& pass : passes::pipeline()) {
    if (!pass.required) options.disabled.emplace_back(pass.name);
  }
  options.until = ir::Stage::Ranked;
  return options;
}

}  // namespace

ir::Subject subject_of(const policy::Endpoint& endpoint, const policy::LabelSet& subject_labels) {
  ir::Subject subject;
  subject.name = endpoint.full_name();
  subject.labels = &subject_labels;
  subject.namespace_ = endpoint.namespace_;
  subject.kind = endpoint.kind;
  subject.ports = &endpoint.ports;
  return subject;
}

SubjectPolicy subject_policy(const Model& model, const ir::BuildInput& input,
                             const ir::Subject& subject) {
  SubjectPolicy out;
  diag::Engine diagnostics;
  ir::EndpointPolicy built = ir::build(input, subject, {model.agent, false}, diagnostics);
  if (diagnostics.has_errors()) {
    out.problem = first_error(diagnostics, model.sources);
    return out;
  }
  built.subject.clear();
  out.written = built;
  passes::Report report;
  if (passes::run(out.written, report, required_alone()) != passes::Outcome::Done ||
      passes::run(built, report) != passes::Outcome::Done) {
    out.problem = "its policies have too many rules for too many different ports";
    return out;
  }
  out.shape = ir::make_shape(built);
  return out;
}

SubjectPolicy Subjects::compute(const policy::Endpoint& endpoint) const {
  const policy::LabelSet labels = world_.book().subject_labels(endpoint);
  return subject_policy(model_, {model_.resolved, world_.cluster(), true, model_.sources},
                        subject_of(endpoint, labels));
}

const SubjectPolicy& Subjects::of(std::size_t endpoint) {
  const auto [found, is_new] = by_endpoint_.try_emplace(endpoint, nullptr);
  if (!is_new) return *found->second;
  const policy::Endpoint& one = world_.cluster().endpoints[endpoint];
  auto& kept = by_key_[subject_key(one, world_.book())];
  if (!kept) kept = std::make_unique<SubjectPolicy>(compute(one));
  found->second = kept.get();
  return *kept;
}

}  // namespace policyc::explain
