#pragma once
// Assertions against the verdict matrices.

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "compiler/explain/answers.h"
#include "compiler/testlang/suite.h"

namespace policyc::testlang {

// A place in the policies that explains a failure.
struct Because {
  ir::Origin origin;  // its file may be empty: a rule of the agent
  std::string text;   // "ingress of shop/api-0: denied by default: no rule matches"
};

struct Failure {
  enum class Kind : std::uint8_t {
    Wrong,   // a connection is decided in another way
    Reason,  // as asserted, but by another rule
    Nobody,  // a side, or a port name, is nobody's: nothing can be said
  } kind = Kind::Wrong;
  Span span;  // of the part of the assertion that does not hold
  std::string message;
  std::vector<Because> because;
};

struct Checked {
  std::size_t pairs = 0;           // that policies can tell apart
  std::size_t failed_pairs = 0;    // of them
  std::size_t flows = 0;           // connections asked about
  std::optional<Failure> failure;  // of the first pair that fails
};

// Every pair of the sides, and every port, must be as the assertion says.
[[nodiscard]] Checked check(explain::Answers& answers, const Assertion& assertion);

}  // namespace policyc::testlang
