#include "compiler/explain/origin_places.h"

#include <algorithm>

namespace policyc::explain {
namespace {

// Code points, as columns count them.
std::uint32_t columns_of(std::string_view text) {
  return static_cast<std::uint32_t>(std::ranges::count_if(
      text, [](char byte) { return (static_cast<unsigned char>(byte) & 0xc0U) != 0x80U; }));
}

}  // namespace

OriginPlaces::OriginPlaces(const source::SourceMap& sources) : sources_(sources) {
  for (std::uint32_t i = 0; i < sources.file_count(); ++i)
    files_.try_emplace(sources.name(source::FileId{i}), i);
}

std::optional<source::Range> OriginPlaces::of(const ir::Origin& origin) const {
  if (origin.file.empty() || origin.line == 0) return std::nullopt;
  const auto found = files_.find(origin.file);
  if (found == files_.end()) return std::nullopt;
  const std::string_view line = sources_.line_text(found->second, origin.line);
  const std::size_t first = line.find_first_not_of(" \t");
  if (first == std::string_view::npos) return std::nullopt;
  const std::size_t last = line.find_last_not_of(" \t\r");
  return source::Range{found->second,
                       {origin.line, columns_of(line.substr(0, first)) + 1},
                       {origin.line, columns_of(line.substr(0, last + 1)) + 1}};
}

}  // namespace policyc::explain
