#pragma once
// yaml-cpp's error messages in our words, at the place where the mistake is rather than where it
// was noticed.

#include <cstddef>
#include <optional>
#include <string>

#include "compiler/diag/diag.h"
#include "compiler/manifest/positions.h"
#include "compiler/manifest/source_scan.h"

namespace policyc::manifest {

struct SyntaxError {
  diag::Id id{};
  Extent extent;
  std::string message;
  std::string help;
};

// A quote, from `from` on, that opens a string which is never closed.
[[nodiscard]] std::optional<std::size_t> find_open_quote(const SourceScan& scan, std::size_t from);

// `read_to` is where the last token that was understood ends, `offset` where yaml-cpp stopped.
[[nodiscard]] SyntaxError describe_syntax_error(const SourceScan& scan, std::size_t read_to,
                                                std::size_t offset, const std::string& message);

}  // namespace policyc::manifest
