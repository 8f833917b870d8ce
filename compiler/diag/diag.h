#pragma once
// Diagnostics: mistakes of the user, each with a stable id, a place and a message.
//
// Wording: messages start in lower case, end without a full stop, put user text in backticks, and
// say what was seen before the rule that it breaks. The registry is diagnostics.def.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/source/source.h"

namespace policyc::diag {

enum class Severity : std::uint8_t { Note, Warning, Error };

enum class Id : std::uint16_t {
#define POLICYC_DIAGNOSTIC(name, number, severity, flag) name = number,
#include "compiler/diag/diagnostics.def"
#undef POLICYC_DIAGNOSTIC
};

// Who would refuse the document in a cluster (spec section 3): the API server's schema, the agent,
// or only policyc.
enum class RefusedBy : std::uint8_t { Policyc, ApiServer, Agent };

struct Registered {
  Id id;
  std::uint16_t number;
  std::string_view name;
  Severity severity;
  std::string_view flag;
};

[[nodiscard]] const std::vector<Registered>& registry();
[[nodiscard]] const Registered& registered(Id id);
// "PC0103".
[[nodiscard]] std::string code(Id id);

// A second place that explains the first.
struct Info {
  source::NodeId node;
  std::string text;
};

struct Diagnostic {
  Id id{};
  Severity severity = Severity::Error;
  source::NodeId node;  // primary place; not valid for a whole-run message
  source::FileId file;  // set when there is a file but no node
  std::string message;
  std::vector<Info> infos;
  std::string help;  // how to repair it; may be empty
  RefusedBy refused_by = RefusedBy::Policyc;
  std::string refusal_class;  // the class of refusal in the conformance vectors ("l3-combination");
                              // may be empty
};

// Collects diagnostics; never prints. Not thread-safe.
class Engine {
 public:
  explicit Engine(std::size_t max_errors = 1000) : max_errors_(max_errors) {}

  // Severity comes from the registry. The reference stays valid until the next report.
  Diagnostic& report(Id id, source::NodeId node, std::string message);
  Diagnostic& report_file(Id id, source::FileId file, std::string message);

  [[nodiscard]] const std::vector<Diagnostic>& all() const { return diagnostics_; }
  [[nodiscard]] std::size_t error_count() const;
  [[nodiscard]] bool has_errors() const { return error_count() != 0; }
  // True once max_errors were reported: readers stop then.
  [[nodiscard]] bool exhausted() const { return error_count() >= max_errors_; }

 private:
  Diagnostic& append(Diagnostic diagnostic);

  std::size_t max_errors_;
  std::size_t settled_errors_ =
      0;  // errors among all but the last, whose severity the reporter may still change
  std::vector<Diagnostic> diagnostics_;
};

// User text for a message: in backticks, one line, control characters and invalid UTF-8 as `?`, cut
// with "..." after max_length code points.
[[nodiscard]] std::string quoted(std::string_view text, std::size_t max_length = 60);

// One diagnostic as
//   db.yaml:14:13: error: unknown field `prot` [PC0103 -Wunknown-field]
//      14 |     - prot: TCP
//         |       ^~~~
//     help: did you mean `port`?
// An info follows with its own source line (and its file, when that is another one); a `note:` line
// says who would refuse the document in a cluster. Control characters and invalid UTF-8 are shown
// as `?`, a tab as one space; long lines are cut around the range with "...". The cost follows the
// size shown, for the second form also when many diagnostics point into one very long line.
[[nodiscard]] std::string render_text(const source::SourceMap& sources,
                                      const Diagnostic& diagnostic);
[[nodiscard]] std::string render_text(const source::SourceMap& sources, const Engine& engine);

}  // namespace policyc::diag
