#pragma once
// Texts to verdicts, for the tests of reader, schema and sanitize.

#include <string>
#include <string_view>
#include <vector>

#include "compiler/policy/reader.h"

namespace policyc::policy::test {

enum class Door { Cluster, StaticFile };

struct Verdict {
  Acceptance acceptance;
  source::SourceMap sources;
  diag::Engine diagnostics;

  // The first error, or nullptr.
  [[nodiscard]] const diag::Diagnostic* first_error() const;
  [[nodiscard]] const diag::Diagnostic* find(diag::Id id) const;
  // The source text that a diagnostic points at.
  [[nodiscard]] std::string pointed_at(const diag::Diagnostic& diagnostic) const;
  [[nodiscard]] std::string rendered() const { return diag::render_text(sources, diagnostics); }
};

// Judges the one document of a text. A text that is no document is refused with the manifest's
// diagnostics.
[[nodiscard]] Verdict judge(const std::string& text, Door door = Door::Cluster,
                            const Options& options = {});

// Reads texts as one run would.
struct ReadRun {
  source::SourceMap sources;
  diag::Engine diagnostics;
  ReadResult result;
};
[[nodiscard]] ReadRun read(const std::string& text, const ReadOptions& options = {});

// A CiliumNetworkPolicy `p` in namespace `default` whose `spec` is the given YAML, indented by two.
[[nodiscard]] std::string cnp(const std::string& spec);
// The same with an endpointSelector `{}`.
[[nodiscard]] std::string rule(const std::string& sections);
// A NetworkPolicy `p` with the given `spec`.
[[nodiscard]] std::string knp(const std::string& spec);

struct RefusalCase {
  std::string name;
  std::string yaml;
  diag::Id id;
  std::string refusal_class;
  std::string place;  // the text that the diagnostic points at
  Door door = Door::StaticFile;
  Options options = {};
};
void PrintTo(const RefusalCase& refusal, std::ostream* out);
// Fails unless the case is refused by the right party, with that class as its first error, and the
// reason stands at its place.
void expect_refusal(const RefusalCase& refusal);

// The name of a parameterised case.
inline constexpr auto case_name = [](const auto& test) { return test.param.name; };

}  // namespace policyc::policy::test
