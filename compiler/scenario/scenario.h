#pragma once
// Scenarios: a small cluster, its policies, and flows with the verdicts that are expected
// (docs/eval.md, schema docs/eval-case.schema.json).

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/diag/diag.h"
#include "compiler/eval/eval.h"
#include "compiler/policy/entry.h"
#include "compiler/source/source.h"
#include "compiler/support/result.h"

namespace policyc::scenario {

// What a flow should give. Only what is set is compared.
struct Expectation {
  std::optional<std::string> verdict;  // "allow", "deny", "redirect"
  std::optional<std::string> parser, l7, auth, auth_source, listener;
  std::optional<bool> by_default, audited;
};

struct FlowCase {
  eval::Flow flow;
  std::optional<Expectation> expect;
};

// Expectations about a subject.
struct EndpointExpectation {
  std::optional<bool> ingress_enforced, egress_enforced;
  bool resolve_error = false;
};

struct Case {
  std::string id;
  policy::Options options;
  policy::Cluster cluster;
  std::vector<std::string> policies;  // YAML or JSON texts
  std::vector<FlowCase> flows;
  std::map<std::string, EndpointExpectation> endpoints;
  std::optional<std::size_t> refused_policies;  // how many documents the agent should refuse
};

// One case. Unknown words and wrong types are errors that name the place ("flows[3].proto").
[[nodiscard]] Result<Case> read_case(std::string_view json_text);
// A file: `{"schema":"policy-vectors/1","cases":[...]}` or one case; JSON, or YAML when the text
// does not begin with `{`. Keys of `defaults` beside `cases` count for every case that lacks them.
[[nodiscard]] Result<std::vector<Case>> read_cases(const std::string& file_name,
                                                   const std::string& text);

// A case whose policies were read and resolved. Policies that an agent refuses are left out, as in
// a cluster whose API server does not look: what it refuses is accepted here (spec section 3.1
// only).
class Prepared {
 public:
  // `name` precedes the number of the policy in places: "case.json: policies[2]:14".
  Prepared(const Case& source, const std::string& name);

  [[nodiscard]] const policy::Resolved& resolved() const { return resolved_; }
  [[nodiscard]] const source::SourceMap& sources() const { return sources_; }
  [[nodiscard]] const diag::Engine& diagnostics() const { return diagnostics_; }
  [[nodiscard]] std::size_t rejected_policies() const { return rejected_policies_; }

 private:
  source::SourceMap sources_;
  diag::Engine diagnostics_;
  policy::Resolved resolved_;
  std::size_t rejected_policies_ = 0;
};

// An engine answers the flows of a prepared case, in their order.
using Engine = std::function<Result<std::vector<eval::FlowResult>>(const Case&, const Prepared&)>;
[[nodiscard]] Engine reference_engine();

[[nodiscard]] std::string_view verdict_text(eval::Verdict verdict);
// "default/web <- world tcp/80" for people.
[[nodiscard]] std::string describe(const eval::Flow& flow);
// What differs from the expectations about documents and subjects.
[[nodiscard]] std::vector<std::string> case_differences(const Case& source,
                                                        const Prepared& prepared);
// What differs from the expectation: "verdict: expected allow, got deny"; empty when nothing does.
[[nodiscard]] std::vector<std::string> differences(const Expectation& expect,
                                                   const eval::FlowResult& result);
// `{"flows":[{"verdict":...},...]}` on one line; keys are absent when empty.
[[nodiscard]] std::string to_json(const std::vector<eval::FlowResult>& results);

}  // namespace policyc::scenario
