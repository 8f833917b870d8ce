#include "compiler/source/source.h"

#include "compiler/support/check.h"

namespace policyc::source {

FileId SourceMap::add_file(std::string name, std::string text) {
  File file{std::move(name), std::move(text), {0}};
  for (std::size_t i = 0; i < file.text.size(); ++i) {
    if (file.text[i] == '\n') file.line_starts.push_back(i + 1);
  }
  files_.push_back(std::move(file));
  return FileId{static_cast<std::uint32_t>(files_.size() - 1)};
}

NodeId SourceMap::add_node(const Range& range) {
  nodes_.push_back(range);
  return NodeId{static_cast<std::uint32_t>(nodes_.size() - 1)};
}

std::uint32_t SourceMap::add_nodes(const SourceMap& other) {
  const auto offset = static_cast<std::uint32_t>(nodes_.size());
  nodes_.insert(nodes_.end(), other.nodes_.begin(), other.nodes_.end());
  return offset;
}

const std::string& SourceMap::name(FileId file) const {
  POLICYC_CHECK(file.value < files_.size());
  return files_[file.value].name;
}

const std::string& SourceMap::text(FileId file) const {
  POLICYC_CHECK(file.value < files_.size());
  return files_[file.value].text;
}

std::string_view SourceMap::line_text(FileId file, std::uint32_t line) const {
  POLICYC_CHECK(file.value < files_.size());
  const File& f = files_[file.value];
  if (line == 0 || line > f.line_starts.size()) return {};
  const std::size_t begin = f.line_starts[line - 1];
  std::size_t end = line < f.line_starts.size() ? f.line_starts[line] - 1 : f.text.size();
  if (end > begin && f.text[end - 1] == '\r') --end;
  return std::string_view(f.text).substr(begin, end - begin);
}

const Range& SourceMap::range(NodeId node) const {
  POLICYC_CHECK(node.value < nodes_.size());
  return nodes_[node.value];
}

std::string SourceMap::file_line(NodeId node) const {
  if (!node.valid()) return "<unknown>";
  const Range& r = range(node);
  return name(r.file) + ":" + std::to_string(r.begin.line);
}

std::string SourceMap::file_line_column(NodeId node) const {
  if (!node.valid()) return "<unknown>";
  return file_line(node) + ":" + std::to_string(range(node).begin.column);
}

}  // namespace policyc::source
