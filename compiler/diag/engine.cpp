#include "compiler/diag/diag.h"

namespace policyc::diag {
namespace {

std::size_t as_count(const Diagnostic& diagnostic) {
  return diagnostic.severity == Severity::Error ? 1 : 0;
}

}  // namespace

Diagnostic& Engine::append(Diagnostic diagnostic) {
  if (!diagnostics_.empty()) settled_errors_ += as_count(diagnostics_.back());
  diagnostic.severity = registered(diagnostic.id).severity;
  return diagnostics_.emplace_back(std::move(diagnostic));
}

Diagnostic& Engine::report(Id id, source::NodeId node, std::string message) {
  Diagnostic diagnostic;
  diagnostic.id = id;
  diagnostic.node = node;
  diagnostic.message = std::move(message);
  return append(std::move(diagnostic));
}

Diagnostic& Engine::report_file(Id id, source::FileId file, std::string message) {
  Diagnostic diagnostic;
  diagnostic.id = id;
  diagnostic.file = file;
  diagnostic.message = std::move(message);
  return append(std::move(diagnostic));
}

std::size_t Engine::error_count() const {
  return diagnostics_.empty() ? 0 : settled_errors_ + as_count(diagnostics_.back());
}

}  // namespace policyc::diag
