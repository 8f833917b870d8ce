#include "compiler/manifest/syntax_error.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

#include <yaml-cpp/exceptions.h>

namespace policyc::manifest {
namespace {

struct Wording {
  const char* theirs;  // how yaml-cpp's message begins
  const char* ours;
};

const std::array kWordings{
    Wording{YAML::ErrorMsg::END_OF_MAP, "mapping does not go on like this; expected `key: value`"},
    Wording{YAML::ErrorMsg::END_OF_MAP_FLOW, "expected `,` or `}` in the mapping"},
    Wording{YAML::ErrorMsg::END_OF_SEQ, "sequence does not go on like this; expected `- item`"},
    Wording{YAML::ErrorMsg::END_OF_SEQ_FLOW, "expected `,` or `]` in the sequence"},
    Wording{YAML::ErrorMsg::INVALID_HEX,
            "escape sequence has a character that is not a hexadecimal digit"},
    Wording{YAML::ErrorMsg::INVALID_UNICODE, "escape sequence names no Unicode character"},
    Wording{YAML::ErrorMsg::INVALID_ESCAPE, "unknown escape sequence"},
    Wording{YAML::ErrorMsg::UNKNOWN_TOKEN, "no value starts with this character"},
    Wording{YAML::ErrorMsg::FLOW_END, "closing bracket without its opening one"},
    Wording{YAML::ErrorMsg::BLOCK_ENTRY, "sequence item is not allowed here"},
    Wording{YAML::ErrorMsg::MAP_KEY, "mapping key is not allowed here"},
    Wording{YAML::ErrorMsg::MAP_VALUE, "mapping value is not allowed here"},
    Wording{YAML::ErrorMsg::ALIAS_NOT_FOUND, "expected a name after `*`"},
    Wording{YAML::ErrorMsg::ANCHOR_NOT_FOUND, "expected a name after `&`"},
    Wording{YAML::ErrorMsg::CHAR_IN_ALIAS, "character that an alias cannot have"},
    Wording{YAML::ErrorMsg::CHAR_IN_ANCHOR, "character that an anchor cannot have"},
    Wording{YAML::ErrorMsg::MULTIPLE_TAGS, "second tag of one node"},
    Wording{YAML::ErrorMsg::MULTIPLE_ANCHORS, "second anchor of one node"},
    Wording{YAML::ErrorMsg::CHAR_IN_BLOCK, "text after the header of a block scalar"},
    Wording{YAML::ErrorMsg::ZERO_INDENT_IN_BLOCK, "block scalar with an indentation of 0"},
    Wording{YAML::ErrorMsg::DOC_IN_SCALAR, "end of the document inside a quoted string"},
};

std::string_view words_for(std::string_view message) {
  for (const Wording& wording : kWordings) {
    if (message.starts_with(wording.theirs)) return wording.ours;
  }
  return "this is not valid YAML";
}

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

std::optional<Extent> tab_in_indentation(const SourceScan& scan, std::size_t offset) {
  const std::size_t line = offset - scan.indent_of(offset);
  for (std::size_t i = line; scan.at(i) == ' ' || scan.at(i) == '\t'; ++i) {
    if (scan.at(i) == '\t') return Extent{i, i + 1};
  }
  return std::nullopt;
}

// Back to the last character that is not white space, when there is nothing at `offset` to point
// at.
std::size_t visible_offset(const SourceScan& scan, std::size_t read_to, std::size_t offset) {
  if (offset < scan.end() && !is_space(scan.at(offset))) return offset;
  std::size_t at = std::min(offset, scan.end());
  while (at > read_to && is_space(scan.at(at - 1))) --at;
  return at;
}

}  // namespace

std::optional<std::size_t> find_open_quote(const SourceScan& scan, std::size_t from) {
  char previous = ' ';
  for (std::size_t i = from; i < scan.end(); ++i) {
    const char c = scan.at(i);
    const bool token_start =
        is_space(previous) || std::string_view(",[{:").find(previous) != std::string_view::npos;
    previous = c;
    if (!token_start) continue;
    if (c == '#') {
      i = scan.line_end(i) - 1;
    } else if (c == '"' || c == '\'') {
      const auto end = scan.quoted_end(i);
      if (!end) return i;
      i = *end - 1;
    }
  }
  return std::nullopt;
}

SyntaxError describe_syntax_error(const SourceScan& scan, std::size_t read_to, std::size_t offset,
                                  const std::string& message) {
  if (message.starts_with(YAML::ErrorMsg::UNKNOWN_ANCHOR)) {
    const Extent extent{offset, scan.name_end(offset)};
    return {diag::Id::UnknownAnchor, extent, "alias names no anchor of this document", {}};
  }
  const bool at_end = scan.skip_blank(offset) >= scan.end();
  if (at_end || message == YAML::ErrorMsg::EOF_IN_SCALAR) {
    if (const auto quote = find_open_quote(scan, read_to)) {
      return {diag::Id::UnterminatedQuote, {*quote, *quote + 1}, "quoted string is not closed", {}};
    }
  }
  if (const auto tab = tab_in_indentation(scan, offset)) {
    return {diag::Id::TabIndentation, *tab, "tab in the indentation", "indent with spaces"};
  }
  const std::size_t place = visible_offset(scan, read_to, offset);
  const std::size_t end = place < scan.end() && !is_space(scan.at(place)) ? place + 1 : place;
  return {diag::Id::YamlSyntax, {place, end}, std::string(words_for(message)), {}};
}

}  // namespace policyc::manifest
