#pragma once
// What `policyc verify` prints.

#include <iosfwd>
#include <string>
#include <vector>

#include "compiler/verify/verify.h"

namespace policyc::cli {

// One object and one subject that it was verified for.
struct VerifiedSubject {
  std::string object;
  verify::Report report;
  double milliseconds = 0;
};

struct VerifyOutcome {
  std::vector<VerifiedSubject> subjects;
  std::vector<std::string> problems;  // objects and policies that do not belong together
  std::size_t objects = 0;
  double milliseconds = 0;
  std::size_t max_findings = 0;  // printed

  [[nodiscard]] std::size_t found() const;
  [[nodiscard]] std::size_t left_out() const;
  [[nodiscard]] std::size_t atoms() const;
};

void print_text(const VerifyOutcome& outcome, std::ostream& out);
void print_json(const VerifyOutcome& outcome, std::ostream& out);

}  // namespace policyc::cli
