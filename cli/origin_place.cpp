#include "cli/origin_place.h"

namespace policyc::cli {

std::optional<source::Range> place_of(const source::SourceMap& sources, const ir::Origin& origin) {
  if (origin.file.empty() || origin.line == 0) return std::nullopt;
  for (std::uint32_t i = 0; i < sources.file_count(); ++i) {
    const source::FileId file{i};
    if (sources.name(file) != origin.file) continue;
    const std::string_view line = sources.line_text(file, origin.line);
    const std::size_t first = line.find_first_not_of(" \t");
    if (first == std::string_view::npos) return std::nullopt;
    return source::Range{file,
                         {origin.line, static_cast<std::uint32_t>(first + 1)},
                         {origin.line, static_cast<std::uint32_t>(line.size() + 1)}};
  }
  return std::nullopt;
}

}  // namespace policyc::cli
