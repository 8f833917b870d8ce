#pragma once
// The script and the style of the page, embedded at build time from page/.

#include <cstdint>
#include <span>
#include <string_view>

namespace policyc::graph {

struct EmbeddedFile {
  std::string_view path;
  std::span<const std::uint8_t> bytes;
};

[[nodiscard]] std::span<const EmbeddedFile> page_files();

}  // namespace policyc::graph
