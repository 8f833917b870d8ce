// The part of the tree builder that looks at the source text: gaps, ends of tokens, tags, errors of
// the syntax.

#include <algorithm>

#include "compiler/manifest/block_scalar.h"
#include "compiler/manifest/syntax_error.h"
#include "compiler/manifest/tree_builder.h"

namespace policyc::manifest {
namespace {

constexpr std::string_view kNoTag = "?";  // yaml-cpp's tag of an untagged node,
constexpr std::string_view kQuotedTag =
    "!";  // of an untagged scalar that is not plain, and of a lone `!`
constexpr std::string_view kTagPrefix = "tag:yaml.org,2002:";

bool same_without_space(std::string_view a, std::string_view b) {
  constexpr std::string_view kSpace = " \t\n";
  std::size_t i = 0;
  std::size_t j = 0;
  for (;; ++i, ++j) {
    i = std::min(a.find_first_not_of(kSpace, i), a.size());
    j = std::min(b.find_first_not_of(kSpace, j), b.size());
    if (i == a.size() || j == b.size()) return i == a.size() && j == b.size();
    if (a[i] != b[j]) return false;
  }
}

}  // namespace

std::size_t TreeBuilder::offset_of(const YAML::Mark& mark) const {
  const std::size_t offset = base_ + static_cast<std::size_t>(std::max(mark.pos, 0));
  return std::min(offset, scan_.end());
}

void TreeBuilder::check_gap(std::size_t to) {
  if (to < last_end_) {
    stop_unclear({to, last_end_});
  }
  const std::size_t stray = scan_.first_stray(last_end_, to);
  if (stray == to) {
    const bool in_block = frames_.empty() || !frames_.back().flow;
    if (const auto tab = in_block ? scan_.indenting_tab(last_end_, to) : std::nullopt) {
      stop_at_tab(*tab);
    }
    return;
  }
  const Extent extent{stray, std::min(scan_.line_end(stray), to)};
  if (scan_.at(stray) == '%' && scan_.at_line_start(stray)) {
    stop(diag::Id::UnsupportedDirective, extent, "YAML directive",
         "delete the line; kubectl refuses directives");
  }
  stop_unclear(extent);
}

// The source does not say what yaml-cpp read. Most often a quote is missing; whatever it is, it is
// not guessed.
void TreeBuilder::stop_unclear(const Extent& extent) {
  if (const auto quote = find_open_quote(scan_, std::min(extent.begin, last_end_))) {
    stop(diag::Id::UnterminatedQuote, {*quote, *quote + 1}, "quoted string is not closed");
  }
  stop(diag::Id::YamlSyntax, extent, "text does not fit the structure around it");
}

void TreeBuilder::stop_at_tab(std::size_t offset) {
  stop(diag::Id::TabIndentation, {offset, offset + 1}, "tab in the indentation",
       "indent with spaces");
}

void TreeBuilder::check_place(const YAML::Mark& mark, bool is_block_sequence) {
  const std::size_t offset = offset_of(mark);
  check_gap(offset);
  last_end_ = offset;
  if (frames_.empty() || frames_.back().flow || in_key_slot()) return;
  // yaml-cpp takes a value that is not indented for the value of the key above it.
  const Frame& frame = frames_.back();
  const bool may_be_level = is_block_sequence && frame.node.kind == NodeKind::Mapping;
  if (mark.column > frame.indent || (may_be_level && mark.column == frame.indent)) return;
  stop(diag::Id::YamlSyntax, {offset, scan_.line_end(offset)},
       "value is not indented deeper than what it belongs to");
}

void TreeBuilder::check_name(const Extent& extent) {
  if (scan_.is_plain_name(extent)) return;
  stop(diag::Id::YamlSyntax, extent,
       "name of an anchor has a character other than letters, digits, `-` and `_`");
}

// `{a:}` and `[a:b, c:]`: one YAML 1.1 reader takes the colon for a part of the text, another for
// the end of a key.
void TreeBuilder::check_flow_colon(const Extent& extent) {
  const bool in_flow = !frames_.empty() && frames_.back().flow;
  if (!in_flow) return;
  const bool before = scan_.at(extent.begin) == ':';
  const bool after =
      scan_.at(extent.end) == ':' && extent.end + 1 < scan_.end() &&
      std::string_view(" \t\r\n").find(scan_.at(extent.end + 1)) == std::string_view::npos;
  if (!before && !after) return;
  stop(diag::Id::YamlSyntax, {extent.begin, extent.end + (after ? 1U : 0U)},
       "colon without a space after it", "put a space after the colon, or quote the text");
}

void TreeBuilder::check_rest() {
  std::size_t stray = scan_.first_stray(last_end_, scan_.end());
  while (scan_.at_line_start(stray) && scan_.at(stray) == '.' && scan_.at(stray + 1) == '.' &&
         scan_.at(stray + 2) == '.') {
    last_end_ = stray + 3;
    stray = scan_.first_stray(last_end_, scan_.end());
  }
  check_gap(scan_.end());
}

TreeBuilder::ScalarText TreeBuilder::scalar_text(const SourceScan::Properties& properties,
                                                 std::size_t offset, const std::string& value) {
  const std::size_t begin = properties.content;
  const char first = scan_.at(begin);
  if (first == '\'' || first == '"') {
    if (const auto end = scan_.quoted_end(begin)) return {{begin, *end}, value, false};
    stop(diag::Id::UnterminatedQuote, {begin, begin + 1}, "quoted string is not closed");
  }
  const bool in_flow = !frames_.empty() && frames_.back().flow;
  if ((first == '|' || first == '>') && !in_flow) {
    BlockScalar block =
        read_block_scalar(scan_, begin, frames_.empty() ? -1 : frames_.back().indent);
    if (same_without_space(block.value, value))
      return {{begin, block.end}, std::move(block.value), false};
    stop_unclear({begin, scan_.line_end(begin)});
  }
  if (value.empty() && properties.end != offset) return {{offset, properties.end}, value, true};
  if (const auto end = scan_.plain_end(begin, value)) {
    check_flow_colon({begin, *end});
    return {{begin, *end}, value, true};
  }
  stop_unclear({begin, scan_.line_end(begin)});
}

CoreTag TreeBuilder::core_tag(const std::string& tag, const SourceScan::Properties& properties) {
  if (tag == kNoTag || (tag == kQuotedTag && !properties.tag)) return CoreTag::None;
  if (tag == "tag:yaml.org,2002:str") return CoreTag::String;
  if (tag == "tag:yaml.org,2002:int") return CoreTag::Int;
  if (tag == "tag:yaml.org,2002:float") return CoreTag::Float;
  if (tag == "tag:yaml.org,2002:bool") return CoreTag::Bool;
  if (tag == "tag:yaml.org,2002:null") return CoreTag::Null;
  const Extent extent = properties.tag.value_or(Extent{properties.content, properties.content});
  error(diag::Id::UnsupportedTag, extent,
        "tag " + diag::quoted(scan_.text(extent.begin, extent.end)) + " on a scalar")
      .help = "only the tags !!str, !!int, !!float, !!bool and !!null mean something here";
  return CoreTag::String;
}

void TreeBuilder::check_collection_tag(NodeKind kind, const std::string& tag,
                                       const SourceScan::Properties& properties) {
  if (tag == kNoTag) return;
  const std::string_view expected = kind == NodeKind::Mapping ? "map" : "seq";
  if (tag.starts_with(kTagPrefix) && tag.substr(kTagPrefix.size()) == expected) return;
  const Extent extent = properties.tag.value_or(Extent{properties.content, properties.content});
  error(diag::Id::UnsupportedTag, extent,
        "tag " + diag::quoted(scan_.text(extent.begin, extent.end)) +
            (kind == NodeKind::Mapping ? " on a mapping" : " on a sequence"));
}

// yaml-cpp says that a collection ended, not where.
void TreeBuilder::close_flow(Frame& frame) {
  if (!frame.has_bracket) return;
  const char bracket = frame.node.kind == NodeKind::Mapping ? '}' : ']';
  std::size_t offset = scan_.skip_blank(last_end_);
  while (scan_.at(offset) == ',' || scan_.at(offset) == ':' || scan_.at(offset) == '?') {
    offset = scan_.skip_blank(offset + 1);
  }
  if (scan_.at(offset) != bracket) {
    stop_unclear({offset, scan_.line_end(offset)});
  }
  last_end_ = offset + 1;
  frame.range.end = last_end_;
}

// Where a value would stand that is not written: after the colon or the dash.
std::size_t TreeBuilder::absent_value_offset() {
  if (frames_.empty()) return last_end_;
  const Frame& frame = frames_.back();
  const char mark = frame.node.kind == NodeKind::Mapping ? ':' : '-';
  const std::size_t offset = scan_.skip_blank(last_end_);
  if (scan_.at(offset) == mark) {
    last_end_ = offset + 1;
    std::size_t next = last_end_;
    while (scan_.at(next) == ' ') ++next;
    if (mark == '-' && scan_.at(next) == '\t') stop_at_tab(next);
  } else if (!frame.flow) {
    // yaml-cpp takes a last line without a colon for a key.
    stop(diag::Id::YamlSyntax, frame.key.extent,
         "mapping does not go on like this; expected `key: value`");
  }
  return last_end_;
}

void TreeBuilder::report_syntax_error(const YAML::Mark& mark, const std::string& message,
                                      bool too_deep) {
  const std::size_t offset = mark.is_null() ? last_end_ : std::max(offset_of(mark), last_end_);
  SyntaxError fault = describe_syntax_error(scan_, last_end_, offset, message);
  if (too_deep) fault = {diag::Id::NestingTooDeep, fault.extent, "nesting is too deep", {}};
  failed_ = true;
  const bool in_brackets =
      fault.message.starts_with("expected `,`") && !frames_.empty() && frames_.back().has_bracket;
  const Extent bracket =
      in_brackets ? Extent{frames_.back().range.begin, frames_.back().range.begin + 1} : Extent{};
  const source::NodeId opening = in_brackets ? context_.add_node(bracket) : source::NodeId{};
  auto& diagnostic = context_.report(fault.id, fault.extent, std::move(fault.message));
  diagnostic.help = std::move(fault.help);
  if (in_brackets) diagnostic.infos.push_back({opening, "opened here"});
}

}  // namespace policyc::manifest
