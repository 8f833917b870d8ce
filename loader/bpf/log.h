#pragma once
// What libbpf and the verifier say, kept for an Error's text; nothing of it reaches stderr.

#include <string>
#include <string_view>

#include "compiler/support/result.h"

namespace policyc::bpf {

// Collects what libbpf says on this thread while it lives. Captures nest: the innermost one
// collects.
class LogCapture {
 public:
  LogCapture();
  ~LogCapture();
  LogCapture(const LogCapture&) = delete;
  LogCapture& operator=(const LogCapture&) = delete;

  // Everything said so far; of very long logs (a verifier log may have megabytes) the last part,
  // where the error is.
  [[nodiscard]] std::string text() const;

 private:
  std::string text_;
  std::string* outer_;
};

// "cannot <what>: <strerror>"; `number` may be positive or negative.
[[nodiscard]] std::unexpected<Error> fail_errno(std::string_view what, int number);

}  // namespace policyc::bpf
