#pragma once
// Command-line paths to texts: files, directories (every *.yaml, *.yml and *.json below them,
// sorted), and `-`.

#include <cstddef>
#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/support/result.h"

namespace policyc::driver {

struct InputText {
  std::string name;  // what diagnostics print
  std::string text;
};

// What is read of one input at most: one byte more than a manifest may have (manifest::Limits), so
// that an endless device ends as a diagnostic.
inline constexpr std::size_t kMaxInputBytes = (64U << 20U) + 1;

// The bytes of a file, at most kMaxInputBytes.
[[nodiscard]] Result<std::string> read_file(const std::string& path);

// An Error names the first path that cannot be read.
[[nodiscard]] Result<std::vector<InputText>> read_inputs(const std::vector<std::string>& paths,
                                                         std::istream& standard_input);

// Writes a file whole or not at all (a temporary file beside it, then rename).
[[nodiscard]] Result<void> write_file(const std::string& path, std::string_view content);

}  // namespace policyc::driver
