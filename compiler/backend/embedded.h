#pragma once
// Files built into the library by cmake/EmbedFile.cmake.

#include <cstdint>
#include <span>
#include <string_view>

namespace policyc::backend {

struct EmbeddedFile {
  std::string_view path;  // relative to the repository, or to the build tree for what is built
  std::span<const std::uint8_t> bytes;  // the byte after the end is a NUL

  [[nodiscard]] std::string_view text() const {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
};

// Headers that generated C may include.
[[nodiscard]] std::span<const EmbeddedFile> runtime_headers();
// The objects of runtime/prog, by the names of their files.
[[nodiscard]] std::span<const EmbeddedFile> runtime_objects();

}  // namespace policyc::backend
