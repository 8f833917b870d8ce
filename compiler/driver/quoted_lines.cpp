#include "compiler/driver/quoted_lines.h"

#include <ranges>

namespace policyc::driver {
namespace {

// More lines of C than one statement takes. What it takes beyond quotes nothing.
constexpr std::uint32_t kStatementLines = 32;
// A manifest that is one long line is quoted once.
constexpr std::size_t kMaxRepeatedBytes = 256;

std::string masked(const std::map<std::uint32_t, std::string>& lines) {
  std::string text;
  std::uint32_t next = 1;  // the line that `text` ends before
  for (auto it = lines.begin(); it != lines.end(); ++it) {
    const auto& [number, quoted] = *it;
    if (quoted.empty()) continue;  // perhaps a line far beyond the end of the file
    text.append(number - next, '\n');
    text.append(quoted).push_back('\n');
    next = number + 1;
    const auto following = std::next(it);
    if (quoted.size() > kMaxRepeatedBytes) continue;
    while (next < number + kStatementLines &&
           (following == lines.end() || next < following->first)) {
      text.append(quoted).push_back('\n');
      ++next;
    }
  }
  return text;
}

std::vector<source::FileId> all_files(const source::SourceMap& sources) {
  std::vector<source::FileId> files;
  for (std::uint32_t index = 0; index < sources.file_count(); ++index) files.push_back({index});
  return files;
}

}  // namespace

QuotedLines::QuotedLines(const ir::Shape& shape, const source::SourceMap& sources)
    : QuotedLines(shape, sources, all_files(sources)) {}

QuotedLines::QuotedLines(const ir::Shape& shape, const source::SourceMap& sources,
                         std::span<const source::FileId> counted) {
  const auto want = [this](const ir::Origin& origin) {
    if (!origin.file.empty() && origin.line != 0)
      files_[origin.file].lines.try_emplace(origin.line);
  };
  for (const ir::DirectionShape& direction : shape.directions) {
    // Tables and bit sets have no code of their own for a rule.
    if (direction.uses_matrix()) continue;
    for (const ir::Rule& rule : direction.rules) want(rule.origin);
    for (const ir::Origin& origin : direction.default_deny_origins) want(origin);
  }
  // Backwards: of files with equal names the first one counts.
  for (const source::FileId id : counted | std::views::reverse) {
    const auto file = files_.find(sources.name(id));
    if (file == files_.end()) continue;
    for (auto& [number, text] : file->second.lines) text = sources.line_text(id, number);
  }
  for (auto& [name, file] : files_) file.text = masked(file.lines);
}

std::vector<backend::SourceText> QuotedLines::texts() const {
  std::vector<backend::SourceText> texts;
  for (const auto& [name, file] : files_) texts.push_back({name, file.text});
  return texts;
}

void QuotedLines::add_to(backend::CacheKeyBuilder& key) const {
  key.add(files_.size());
  for (const auto& [name, file] : files_) {
    key.add(name).add(file.lines.size());
    for (const auto& [number, text] : file.lines) key.add(number).add(text);
  }
}

Result<backend::CacheKey> object_key(const ir::Shape& shape, const QuotedLines& quoted) {
  auto key = backend::CacheKeyBuilder::start();
  if (!key) return std::unexpected(key.error());
  key->add("object of a shape").add(shape.hash);
  quoted.add_to(*key);
  return key->finish();
}

}  // namespace policyc::driver
