#include "tests/unit/policy/validation_support.h"

#include <ostream>

#include <gtest/gtest.h>

namespace policyc::policy::test {

const diag::Diagnostic* Verdict::first_error() const {
  for (const diag::Diagnostic& diagnostic : diagnostics.all()) {
    if (diagnostic.severity == diag::Severity::Error) return &diagnostic;
  }
  return nullptr;
}

const diag::Diagnostic* Verdict::find(diag::Id id) const {
  for (const diag::Diagnostic& diagnostic : diagnostics.all()) {
    if (diagnostic.id == id) return &diagnostic;
  }
  return nullptr;
}

std::string Verdict::pointed_at(const diag::Diagnostic& diagnostic) const {
  if (!diagnostic.node.valid()) return "<nowhere>";
  const source::Range& range = sources.range(diagnostic.node);
  const std::string_view line = sources.line_text(range.file, range.begin.line);
  const std::string_view from = line.substr(range.begin.column - 1);
  return std::string(range.end.line == range.begin.line
                         ? from.substr(0, range.end.column - range.begin.column)
                         : from);
}

Verdict judge(const std::string& text, Door door, const Options& options) {
  Verdict verdict;
  const source::FileId file = verdict.sources.add_file("input.yaml", text);
  const auto documents = manifest::read_documents(verdict.sources, file, verdict.diagnostics);
  if (documents.size() != 1) return verdict;
  verdict.acceptance = door == Door::Cluster
                           ? validate(documents.front(), options, verdict.diagnostics)
                           : validate_static_file(documents.front(), options, verdict.diagnostics);
  return verdict;
}

ReadRun read(const std::string& text, const ReadOptions& options) {
  ReadRun run;
  const source::FileId file = run.sources.add_file("input.yaml", text);
  const auto documents = manifest::read_documents(run.sources, file, run.diagnostics);
  run.result = read_documents(documents, options, run.diagnostics);
  return run;
}

std::string cnp(const std::string& spec) {
  return "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: p, namespace: "
         "default}\nspec:\n" +
         spec + "\n";
}

std::string rule(const std::string& sections) { return cnp("  endpointSelector: {}\n" + sections); }

std::string knp(const std::string& spec) {
  return "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: p}\nspec:\n" +
         spec + "\n";
}

void PrintTo(const RefusalCase& refusal, std::ostream* out) { *out << refusal.name; }

void expect_refusal(const RefusalCase& refusal) {
  const Verdict verdict = judge(refusal.yaml, refusal.door, refusal.options);
  EXPECT_FALSE(verdict.acceptance.accepted);
  const diag::Diagnostic* reason = verdict.find(refusal.id);
  ASSERT_NE(reason, nullptr) << verdict.rendered();
  EXPECT_EQ(verdict.pointed_at(*reason), refusal.place) << verdict.rendered();
  const bool by_agent = refusal.door == Door::StaticFile;
  EXPECT_EQ(reason->refused_by, by_agent ? diag::RefusedBy::Agent : diag::RefusedBy::ApiServer);
  EXPECT_EQ(verdict.acceptance.rejected_by, reason->refused_by);
  EXPECT_EQ(verdict.acceptance.refusal_class, refusal.refusal_class);
}

}  // namespace policyc::policy::test
