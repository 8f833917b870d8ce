#include "compiler/manifest/plain_yaml.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "compiler/manifest/scalar.h"

namespace policyc::manifest {
namespace {

constexpr std::size_t kMaxKeyBytes = 1000;  // yaml-cpp takes 1024 for one that is not announced

constexpr bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '.' || c == '/' || c == '-';
}

// Characters by what may stand in a plain scalar here; more may in YAML.
enum : std::uint8_t { kKey = 1, kInFlow = 2, kInBlock = 4 };
constexpr auto kClasses = [] {
  std::array<std::uint8_t, 256> classes{};
  for (int c = 0x20; c < 0x7f; ++c) {
    const auto letter = static_cast<char>(c);
    const bool in_flow = std::string_view(",[]{}:#?").find(letter) == std::string_view::npos;
    classes[static_cast<std::size_t>(c)] = static_cast<std::uint8_t>(
        kInBlock | (in_flow ? kInFlow : 0) | (is_word(letter) ? kKey : 0));
  }
  return classes;
}();

bool is_of(char c, std::uint8_t wanted) {
  return (kClasses[static_cast<unsigned char>(c)] & wanted) != 0;
}

// Throws nothing and reports nothing: every function is false when the text is not plain.
class Reader {
 public:
  Reader(const ReadContext& context, std::string_view text, std::size_t begin)
      : limits_(context.limits),
        most_nodes_(context.limits.max_nodes - context.node_count),
        text_(text),
        next_line_(begin) {}

  bool document(Node& root) {
    next();
    return has_line_ && indent_ == 0 && mapping(root, 0, 0) && !has_line_;
  }
  // Of each node and key, in order of their numbers from 0 on.
  [[nodiscard]] std::span<const Extent> places() const { return places_; }
  [[nodiscard]] std::uint32_t count() const { return count_; }
  [[nodiscard]] std::size_t nodes() const { return nodes_; }

 private:
  // The next line with something on it but a comment.
  void next() {
    while (next_line_ < text_.size()) {
      const std::size_t begin = next_line_;
      line_end_ = std::min(text_.find('\n', begin), text_.size());
      next_line_ = line_end_ + 1;
      at_ = std::min(text_.find_first_not_of(' ', begin), line_end_);
      if (at_ == line_end_ || text_[at_] == '#') continue;
      while (text_[line_end_ - 1] == ' ') --line_end_;
      indent_ = at_ - begin;
      has_line_ = true;
      return;
    }
    has_line_ = false;
  }

  [[nodiscard]] char peek(std::size_t offset = 0) const {
    return at_ + offset < line_end_ ? text_[at_ + offset] : '\n';
  }
  void skip_space() {
    while (peek() == ' ') ++at_;
  }
  [[nodiscard]] bool at_item() const { return peek() == '-' && peek(1) == ' '; }
  [[nodiscard]] bool at_line_end() const { return at_ == line_end_; }

  source::NodeId place(const Extent& extent) {
    if (limits_.places) places_.push_back(extent);
    return source::NodeId{count_++};
  }
  bool count_node() { return ++nodes_ <= most_nodes_; }

  // Quoted on one line without escapes; `value` is what is between the quotes.
  bool quoted(std::string_view& value) {
    const char quote = text_[at_];
    const std::size_t begin = ++at_;
    while (!at_line_end() && text_[at_] != quote) {
      const bool is_escape = text_[at_] == '\\' && quote == '"';
      if (is_escape || static_cast<unsigned char>(text_[at_]) < 0x20) return false;
      ++at_;
    }
    if (at_line_end() || peek(1) == quote) return false;
    value = text_.substr(begin, at_++ - begin);
    return true;
  }

  // With the colon after it, and the space after that.
  bool key(Member& member, Extent& extent) {
    const std::size_t begin = at_;
    std::string_view name;
    if (peek() == '"' || peek() == '\'') {
      if (!quoted(name)) return false;
    } else {
      while (is_of(peek(), kKey)) ++at_;
      name = text_.substr(begin, at_ - begin);
      const char first = name.empty() ? '-' : name.front();
      if (first == '-' || first == '.') return false;
      const Scalar scalar = *resolve_scalar(name, CoreTag::None);
      if (scalar.type != ScalarType::String || scalar.as_key != name) return false;
    }
    extent = {begin, at_};
    if (at_ - begin > kMaxKeyBytes || peek() != ':' || !count_node()) return false;
    ++at_;
    if (!at_line_end() && peek() != ' ') return false;
    skip_space();
    member.key = name;
    member.key_id = place(extent);
    return true;
  }

  // Whether `key: ` stands here, at the begin of a mapping in a sequence.
  [[nodiscard]] bool at_key() {
    const std::size_t before = at_;
    std::string_view name;
    bool found = false;
    if (peek() == '"' || peek() == '\'') {
      found = quoted(name);
    } else {
      while (is_of(peek(), kKey)) ++at_;
      found = at_ != before;
    }
    found = found && peek() == ':' && (peek(1) == ' ' || peek(1) == '\n');
    at_ = before;
    return found;
  }

  bool mapping(Node& node, std::size_t indent, std::size_t depth) {
    if (depth == limits_.max_depth || !count_node()) return false;
    node.kind = NodeKind::Mapping;
    Extent first;
    while (has_line_ && indent_ == indent) {
      Member& member = node.members.emplace_back();
      Extent extent;
      if (!key(member, extent)) return false;
      if (node.members.size() == 1) first = extent;
      if (!at_line_end()) {
        if (!rest_of_line(member.value, depth)) return false;
        continue;
      }
      next();
      if (!has_line_ || indent_ < indent || (indent_ == indent && !at_item())) return false;
      const bool done = at_item() ? sequence(member.value, indent_, depth + 1)
                                  : mapping(member.value, indent_, depth + 1);
      if (!done) return false;
    }
    node.id = place(first);
    return !has_line_ || indent_ < indent;
  }

  bool sequence(Node& node, std::size_t indent, std::size_t depth) {
    if (depth == limits_.max_depth || !count_node()) return false;
    node.kind = NodeKind::Sequence;
    const Extent dash{at_, at_ + 1};
    while (has_line_ && indent_ == indent && at_item()) {
      Node& item = node.items.emplace_back();
      const std::size_t begin = at_;
      ++at_;
      skip_space();
      if (!at_key()) {
        if (!rest_of_line(item, depth)) return false;
        continue;
      }
      indent_ += at_ - begin;
      if (!mapping(item, indent_, depth + 1)) return false;
    }
    node.id = place(dash);
    return !has_line_ || indent_ <= indent;
  }

  bool rest_of_line(Node& node, std::size_t depth) {
    if (!value(node, depth, kInBlock) || !at_line_end()) return false;
    next();
    return true;
  }

  bool value(Node& node, std::size_t depth, std::uint8_t where) {
    const char first = peek();
    if (first == '{' || first == '[') return flow(node, depth + 1);
    const std::size_t begin = at_;
    if (!count_node()) return false;
    if (first == '"' || first == '\'') {
      std::string_view text;
      if (!quoted(text)) return false;
      node.type = ScalarType::String;
      node.text = text;
    } else if (!plain(node, where)) {
      return false;
    }
    node.id = place({begin, at_});
    return node.text.size() <= limits_.max_scalar_bytes;
  }

  bool plain(Node& node, std::uint8_t where) {
    const std::size_t begin = at_;
    if (!is_of(peek(), kKey) || (peek() == '-' && !is_of(peek(1), kKey))) return false;
    while (is_of(peek(), where)) {
      if (peek() == ' ' && peek(1) == '#') return false;
      if (peek() == ':' && (peek(1) == ' ' || peek(1) == '\n')) return false;
      ++at_;
    }
    std::size_t end = at_;
    while (text_[end - 1] == ' ') --end;
    at_ = end;
    auto scalar = resolve_scalar(text_.substr(begin, end - begin), CoreTag::None);
    if (!scalar || !scalar->finite) return false;
    node.type = scalar->type;
    node.text = std::move(scalar->text);
    return true;
  }

  bool flow(Node& node, std::size_t depth) {
    if (depth == limits_.max_depth || !count_node()) return false;
    const std::size_t begin = at_++;
    const bool is_map = text_[begin] == '{';
    const char end = is_map ? '}' : ']';
    node.kind = is_map ? NodeKind::Mapping : NodeKind::Sequence;
    skip_space();
    for (bool first = true; peek() != end; first = false) {
      if (!first) {
        if (peek() != ',') return false;
        ++at_;
        skip_space();
      }
      if (is_map) {
        Member& member = node.members.emplace_back();
        Extent extent;
        if (!key(member, extent) || !value(member.value, depth, kInFlow)) return false;
      } else if (!value(node.items.emplace_back(), depth, kInFlow)) {
        return false;
      }
      skip_space();
    }
    ++at_;
    node.id = place({begin, at_});
    return true;
  }

  const Limits& limits_;
  std::size_t most_nodes_;
  std::string_view text_;
  std::size_t next_line_;
  // The line that is read: what is left of it, without spaces at the end.
  std::size_t at_ = 0;
  std::size_t line_end_ = 0;
  std::size_t indent_ = 0;
  bool has_line_ = false;
  std::vector<Extent> places_;
  std::uint32_t count_ = 0;
  std::size_t nodes_ = 0;
};

// Ids of nodes were numbers from 0 on. Whether no key was given twice.
bool settle(ReadContext& context, Node& node, std::uint32_t first) {
  bool good = true;
  for (Node& item : node.items) good = settle(context, item, first) && good;
  for (Member& member : node.members) {
    member.key_id.value += first;
    good = settle(context, member.value, first) && good;
  }
  node.id.value += first;
  good = context.check_duplicate_keys(node) && good;
  if (!good && context.diagnostics.exhausted()) throw StopReading{};
  return good;
}

}  // namespace

bool read_plain_yaml(ReadContext& context, std::string_view text, const Extent& part,
                     const std::function<void(Node)>& take) {
  Reader reader(context, text.substr(0, part.end), part.begin);
  Node root;
  if (!reader.document(root)) return false;
  context.node_count += reader.nodes();
  std::uint32_t first = context.placeless;
  if (context.limits.places) {
    first = context.add_node(reader.places().front()).value;
    for (const Extent& extent : reader.places().subspan(1)) context.add_node(extent);
  } else {
    context.placeless += reader.count();
  }
  if (settle(context, root, first)) take(std::move(root));
  return true;
}

}  // namespace policyc::manifest
