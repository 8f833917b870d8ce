#include "compiler/manifest/plain_json.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "compiler/manifest/scalar.h"

namespace policyc::manifest {
namespace {

constexpr std::size_t kMaxKeyBytes = 1000;    // yaml-cpp takes 1024 for one that is not announced
constexpr std::size_t kMaxNumberBytes = 300;  // beyond, a number may be infinite

// Characters that go on inside a string: all but quotes, backslashes and control characters.
constexpr auto kOrdinary = [] {
  std::array<bool, 256> ordinary{};
  for (std::size_t c = 0x20; c < ordinary.size(); ++c) ordinary[c] = c != '"' && c != '\\';
  return ordinary;
}();

std::size_t string_run(std::string_view text, std::size_t at) {
  while (at < text.size() && kOrdinary[static_cast<unsigned char>(text[at])]) ++at;
  return at;
}

std::size_t word_end(std::string_view text, std::size_t at) {
  constexpr std::string_view kEnds = " \n\r,]}";
  while (at < text.size() && kEnds.find(text[at]) == std::string_view::npos) ++at;
  return at;
}

std::size_t space_end(std::string_view text, std::size_t at) {
  while (at < text.size() && (text[at] == ' ' || text[at] == '\n' || text[at] == '\r')) ++at;
  return at;
}

// What may follow a backslash here, and what both mean; '\0': nothing that is told apart here.
char escaped(char letter) {
  switch (letter) {
    case '"':
    case '\\':
    case '/':
      return letter;
    case 'n':
      return '\n';
    case 't':
      return '\t';
    case 'r':
      return '\r';
    default:
      return '\0';
  }
}

bool is_number(std::string_view word) {
  const auto digits = [&word] {
    const std::size_t count = std::min(word.find_first_not_of("0123456789"), word.size());
    word.remove_prefix(count);
    return count;
  };
  if (word.size() > kMaxNumberBytes) return false;
  if (word.starts_with('-')) word.remove_prefix(1);
  const bool leading_zero = word.starts_with('0');
  const std::size_t whole = digits();
  if (whole == 0 || (leading_zero && whole > 1)) return false;
  if (word.starts_with('.')) {
    word.remove_prefix(1);
    if (digits() == 0) return false;
  }
  if (word.starts_with('e') || word.starts_with('E')) {
    word.remove_prefix(1);
    if (word.starts_with('+') || word.starts_with('-')) word.remove_prefix(1);
    if (digits() == 0) return false;
  }
  return word.empty();
}

// What the second pass has to know beforehand.
struct Counts {
  std::vector<std::uint32_t> collections;  // members or items of each, in order of their brackets
  std::size_t nodes = 0;                   // as TreeBuilder counts them
};

// First pass: the grammar.
class Checker {
 public:
  Checker(std::string_view text, std::size_t begin, const Limits& limits, Counts& counts)
      : text_(text), at_(begin), limits_(limits), counts_(counts) {}

  // Whether all of it is objects, at least one.
  bool run() {
    bool any = false;
    while (true) {
      at_ = space_end(text_, at_);
      if (at_ == text_.size()) return any;
      if (text_[at_] != '{' || !collection(0)) return false;
      any = true;
    }
  }

 private:
  [[nodiscard]] char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }

  bool take(char wanted) {
    at_ = space_end(text_, at_);
    if (peek() != wanted) return false;
    ++at_;
    return true;
  }

  bool collection(std::size_t depth) {
    if (depth == limits_.max_depth) return false;
    const bool is_map = text_[at_] == '{';
    const char end = is_map ? '}' : ']';
    const std::size_t number = counts_.collections.size();
    counts_.collections.push_back(0);
    ++counts_.nodes;
    ++at_;
    std::uint32_t count = 0;
    for (; !take(end); ++count) {
      if (count != 0 && !take(',')) return false;
      at_ = space_end(text_, at_);
      if (is_map && !key()) return false;
      at_ = space_end(text_, at_);
      if (!value(depth)) return false;
    }
    counts_.collections[number] = count;
    return true;
  }

  // And its colon, which yaml-cpp wants on the same line.
  bool key() {
    if (peek() != '"' || !string(kMaxKeyBytes)) return false;
    at_ = std::min(text_.find_first_not_of(' ', at_), text_.size());
    if (peek() != ':') return false;
    ++at_;
    return true;
  }

  bool value(std::size_t depth) {
    const char first = peek();
    if (first == '"') return string(limits_.max_scalar_bytes);
    if (first == '{' || first == '[') return collection(depth + 1);
    const std::size_t begin = std::exchange(at_, word_end(text_, at_));
    const std::string_view word = text_.substr(begin, at_ - begin);
    ++counts_.nodes;
    return word == "null" || word == "true" || word == "false" || is_number(word);
  }

  bool string(std::size_t most) {
    const std::size_t begin = at_++;
    ++counts_.nodes;
    while (true) {
      at_ = string_run(text_, at_);
      const char stop = peek();
      if (stop == '\0') return false;
      ++at_;
      if (stop == '"') return at_ - begin <= most;
      if (stop != '\\' || escaped(peek()) == '\0') return false;
      ++at_;
    }
  }

  std::string_view text_;
  std::size_t at_;
  const Limits& limits_;
  Counts& counts_;
};

// Second pass: the trees, of text whose grammar is known.
class Builder {
 public:
  Builder(ReadContext& context, std::string_view text, std::size_t begin, const Counts& counts)
      : context_(context), text_(text), at_(begin), next_(counts.collections.begin()) {}

  // Nothing when a key was given twice, which was reported.
  std::optional<Node> document() {
    failed_ = false;
    Node root;
    collection(root);
    if (failed_) return std::nullopt;
    return root;
  }
  bool at_end() { return (at_ = space_end(text_, at_)) == text_.size(); }

 private:
  void collection(Node& node) {
    const std::size_t begin = at_++;
    const std::uint32_t count = *next_++;
    if (text_[begin] == '{') {
      node.kind = NodeKind::Mapping;
      node.members.resize(count);
      for (Member& member : node.members) {
        skip_to_next();
        const std::size_t key = at_;
        string(member.key);
        member.key_id = context_.add_node({key, at_});
        skip_to_next();
        value(member.value);
      }
    } else {
      node.kind = NodeKind::Sequence;
      node.items.resize(count);
      for (Node& item : node.items) {
        skip_to_next();
        value(item);
      }
    }
    at_ = space_end(text_, at_) + 1;
    node.id = context_.add_node({begin, at_});
    if (!context_.check_duplicate_keys(node)) failed_ = true;
    if (failed_ && context_.diagnostics.exhausted()) throw StopReading{};
  }

  // Over a comma or a colon, too.
  void skip_to_next() {
    at_ = space_end(text_, at_);
    if (text_[at_] == ',' || text_[at_] == ':') at_ = space_end(text_, at_ + 1);
  }

  void value(Node& node) {
    const char first = text_[at_];
    if (first == '{' || first == '[') return collection(node);
    const std::size_t begin = at_;
    if (first == '"') {
      node.type = ScalarType::String;
      string(node.text);
    } else {
      at_ = word_end(text_, at_);
      Scalar scalar = *resolve_scalar(text_.substr(begin, at_ - begin), CoreTag::None);
      node.type = scalar.type;
      node.text = std::move(scalar.text);
    }
    node.id = context_.add_node({begin, at_});
  }

  void string(std::string& value) {
    for (std::size_t run = ++at_;; run = at_) {
      at_ = string_run(text_, at_);
      value.append(text_.substr(run, at_ - run));
      if (text_[at_++] == '"') return;
      value += escaped(text_[at_++]);
    }
  }

  ReadContext& context_;
  std::string_view text_;
  std::size_t at_;
  std::vector<std::uint32_t>::const_iterator next_;
  bool failed_ = false;
};

}  // namespace

bool read_plain_json(ReadContext& context, std::string_view text, const Extent& part,
                     const std::function<void(Node)>& take) {
  text = text.substr(0, part.end);
  Counts counts;
  if (!Checker(text, part.begin, context.limits, counts).run()) return false;
  if (context.node_count + counts.nodes > context.limits.max_nodes) return false;
  context.node_count += counts.nodes;
  Builder builder(context, text, part.begin, counts);
  while (!builder.at_end()) {
    if (auto root = builder.document()) take(std::move(*root));
  }
  return true;
}

}  // namespace policyc::manifest
