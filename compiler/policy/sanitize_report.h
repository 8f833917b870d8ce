#pragma once
// Reporting refusals: every one names who refuses and, for the agent, the class of the refusal.

#include <string>
#include <string_view>

#include "compiler/diag/diag.h"

namespace policyc::policy {

[[nodiscard]] inline std::string in_backticks(std::string_view text) {
  return "`" + std::string(text) + "`";
}

// Counts what one validator refuses.
class Refusals {
 public:
  Refusals(diag::Engine& diagnostics, diag::RefusedBy refused_by)
      : diagnostics_(diagnostics), refused_by_(refused_by) {}

  diag::Diagnostic& add(diag::Id id, source::NodeId node, std::string message,
                        std::string_view refusal_class = {}) {
    ++count_;
    diag::Diagnostic& diagnostic = diagnostics_.report(id, node, std::move(message));
    diagnostic.refused_by = refused_by_;
    diagnostic.refusal_class = refusal_class;
    return diagnostic;
  }
  diag::Diagnostic& warn(diag::Id id, source::NodeId node, std::string message) {
    return diagnostics_.report(id, node, std::move(message));
  }
  [[nodiscard]] std::size_t count() const { return count_; }

 private:
  diag::Engine& diagnostics_;
  diag::RefusedBy refused_by_;
  std::size_t count_ = 0;
};

}  // namespace policyc::policy
