#include "compiler/lint/fix.h"

#include <algorithm>
#include <optional>

namespace policyc::lint {
namespace {

struct Change {
  std::size_t begin = 0;  // byte offsets
  std::size_t end = 0;
  std::string replacement;
};

// Byte offsets of the beginnings of lines; one more for the end of the text.
std::vector<std::size_t> line_starts(const std::string& text) {
  std::vector<std::size_t> starts{0};
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\n') starts.push_back(i + 1);
  }
  return starts;
}

// The offset of a position: columns are code points; the end of the text for what lies behind it.
std::size_t offset_of(const std::string& text, const std::vector<std::size_t>& starts,
                      const source::Position& position) {
  if (position.line > starts.size()) return text.size();
  std::size_t at = starts[position.line - 1];
  // A byte order mark has no column.
  if (position.line == 1 && text.starts_with("\xef\xbb\xbf")) at += 3;
  for (std::uint32_t column = 1; column < position.column && at < text.size(); ++column) {
    ++at;
    while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xc0U) == 0x80U) ++at;
  }
  return at;
}

bool overlaps(const std::vector<Change>& changes, const Change& one) {
  return std::any_of(changes.begin(), changes.end(), [&one](const Change& other) {
    return one.begin < other.end && other.begin < one.end;
  });
}

}  // namespace

Fixed apply_fixes(const source::SourceMap& sources, const diag::Report& report) {
  std::map<std::uint32_t, std::vector<Change>> changes;
  std::map<std::uint32_t, std::vector<std::size_t>> starts;
  Fixed fixed;
  for (std::size_t i = 0; i < report.findings.size(); ++i) {
    const diag::Finding& finding = report.findings[i];
    if (!finding.fix || finding.fix->edits.empty() || finding.suppressed) continue;
    std::vector<std::pair<std::uint32_t, Change>> wanted;
    bool possible = true;
    for (const diag::Edit& edit : finding.fix->edits) {
      const std::uint32_t file = edit.range.file.value;
      const std::string& text = sources.text(edit.range.file);
      const auto [at, fresh] = starts.try_emplace(file);
      if (fresh) at->second = line_starts(text);
      Change change{offset_of(text, at->second, edit.range.begin),
                    offset_of(text, at->second, edit.range.end), edit.replacement};
      possible = possible && change.begin <= change.end && !overlaps(changes[file], change);
      wanted.emplace_back(file, std::move(change));
    }
    if (!possible) continue;
    for (auto& [file, change] : wanted) changes[file].push_back(std::move(change));
    fixed.applied.push_back(i);
  }
  for (auto& [file, list] : changes) {
    if (list.empty()) continue;
    std::sort(list.begin(), list.end(),
              [](const Change& a, const Change& b) { return a.begin > b.begin; });
    std::string text = sources.text(source::FileId{file});
    for (const Change& change : list)
      text.replace(change.begin, change.end - change.begin, change.replacement);
    fixed.texts.emplace(file, std::move(text));
  }
  return fixed;
}

}  // namespace policyc::lint
