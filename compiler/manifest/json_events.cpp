#include "compiler/manifest/json_events.h"

#include <string>

#include <yaml-cpp/emitterstyle.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/mark.h>

namespace policyc::manifest {
namespace {

constexpr std::size_t kMaxDepth = 64;
constexpr std::size_t kMaxKeyBytes = 1000;  // yaml-cpp takes 1024 for one that is not announced
const std::string kPlain = "?";             // yaml-cpp's tags
const std::string kQuoted = "!";

// One pass over the text. Without a handler it checks: text that it has accepted it tells in a
// second pass without looking at the grammar again.
class JsonReader {
 public:
  JsonReader(std::string_view text, const Extent& part, YAML::EventHandler* handler)
      : text_(text.substr(0, part.end)), base_(part.begin), at_(part.begin), handler_(handler) {}

  // False at the end of the text, and when it is not plain JSON: at_end() tells which.
  bool document() {
    skip_space();
    if (at_end() || text_[at_] != '{') return false;
    if (handler_ != nullptr) handler_->OnDocumentStart(mark(at_));
    if (!collection(0)) return false;
    if (handler_ != nullptr) handler_->OnDocumentEnd();
    return true;
  }
  [[nodiscard]] bool at_end() const { return at_ == text_.size(); }

 private:
  [[nodiscard]] YAML::Mark mark(std::size_t offset) const {
    YAML::Mark mark;
    mark.pos = static_cast<int>(offset - base_);
    return mark;
  }
  [[nodiscard]] char peek() const { return at_end() ? '\0' : text_[at_]; }

  void skip_space() {
    while (!at_end() && (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\r')) ++at_;
  }

  bool take(char wanted) {
    skip_space();
    if (peek() != wanted) return false;
    ++at_;
    return true;
  }

  bool collection(std::size_t depth) {
    if (depth == kMaxDepth) return false;
    const bool is_map = text_[at_] == '{';
    if (handler_ != nullptr && is_map)
      handler_->OnMapStart(mark(at_), kPlain, YAML::NullAnchor, YAML::EmitterStyle::Flow);
    if (handler_ != nullptr && !is_map)
      handler_->OnSequenceStart(mark(at_), kPlain, YAML::NullAnchor, YAML::EmitterStyle::Flow);
    ++at_;
    const char end = is_map ? '}' : ']';
    for (bool first = true; !take(end); first = false) {
      if (!first && !take(',')) return false;
      skip_space();
      if (is_map) {
        const std::size_t key = at_;
        if (peek() != '"' || !string() || at_ - key > kMaxKeyBytes || !take(':')) return false;
        skip_space();
      }
      if (!value(depth)) return false;
    }
    if (handler_ == nullptr) return true;
    is_map ? handler_->OnMapEnd() : handler_->OnSequenceEnd();
    return true;
  }

  bool value(std::size_t depth) {
    const char first = peek();
    if (first == '"') return string();
    if (first == '{' || first == '[') return collection(depth + 1);
    return word();
  }

  // What may follow a backslash here, and what both mean; '\0': nothing that is told apart here.
  static char escaped(char letter) {
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

  bool string() {
    const std::size_t begin = at_++;
    value_.clear();
    while (true) {
      const std::size_t run = at_;
      while (!at_end() && text_[at_] != '"' && text_[at_] != '\\' &&
             static_cast<unsigned char>(text_[at_]) >= 0x20)
        ++at_;
      if (handler_ != nullptr) value_.append(text_.substr(run, at_ - run));
      if (at_end()) return false;
      const char stop = text_[at_++];
      if (stop == '"') break;
      const char meant = stop == '\\' ? escaped(peek()) : '\0';
      if (meant == '\0') return false;
      ++at_;
      if (handler_ != nullptr) value_ += meant;
    }
    if (handler_ != nullptr) handler_->OnScalar(mark(begin), kQuoted, YAML::NullAnchor, value_);
    return true;
  }

  // A number, true, false or null.
  bool word() {
    const std::size_t begin = at_;
    while (!at_end() && std::string_view(" \n\r,]}").find(text_[at_]) == std::string_view::npos)
      ++at_;
    const std::string_view word = text_.substr(begin, at_ - begin);
    const bool is_null = word == "null";
    if (!is_null && word != "true" && word != "false" && !is_number(word)) return false;
    if (handler_ == nullptr) return true;
    if (is_null) {
      handler_->OnNull(mark(begin), YAML::NullAnchor);
    } else {
      value_ = word;
      handler_->OnScalar(mark(begin), kPlain, YAML::NullAnchor, value_);
    }
    return true;
  }

  static bool is_number(std::string_view word) {
    const auto digits = [&word] {
      const std::size_t count = std::min(word.find_first_not_of("0123456789"), word.size());
      word.remove_prefix(count);
      return count;
    };
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

  std::string_view text_;
  std::size_t base_;
  std::size_t at_;
  YAML::EventHandler* handler_;
  std::string value_;
};

}  // namespace

bool read_plain_json(std::string_view text, const Extent& part, YAML::EventHandler& handler,
                     const std::function<void()>& take) {
  JsonReader check(text, part, nullptr);
  bool any = false;
  while (check.document()) any = true;
  if (!any || !check.at_end()) return false;
  JsonReader reader(text, part, &handler);
  while (reader.document()) take();
  return true;
}

}  // namespace policyc::manifest
