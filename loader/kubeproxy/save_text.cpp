#include "loader/kubeproxy/save_text.h"

#include <optional>

namespace policyc::kubeproxy {
namespace {

constexpr std::size_t kMaxQuotedLine = 200;  // of a line in a message

// The next word of a rule. iptables-save puts words with spaces in double quotes and writes
// \ before a quote or a backslash in them. Nothing at the end, an empty word for "".
std::optional<std::string> next_word(std::string_view& rest) {
  while (rest.starts_with(' ')) rest.remove_prefix(1);
  if (rest.empty()) return std::nullopt;
  std::string word;
  const bool quoted = rest.front() == '"';
  std::size_t at = quoted ? 1 : 0;
  for (; at < rest.size() && rest[at] != (quoted ? '"' : ' '); ++at) {
    if (quoted && rest[at] == '\\' && at + 1 < rest.size()) ++at;
    word += rest[at];
  }
  rest.remove_prefix(std::min(rest.size(), at + (quoted ? 1 : 0)));
  return word;
}

// A comment is the one option whose value is free text and may look like an option.
std::string target_of(std::string_view text) {
  while (const auto word = next_word(text)) {
    if (*word == "--comment") {
      next_word(text);
    } else if (*word == "-j" || *word == "-g") {
      return next_word(text).value_or("");
    }
  }
  return {};
}

class Parser {
 public:
  Result<SavedRules> parse(std::string_view text) {
    while (!text.empty()) {
      const std::string_view line = text.substr(0, text.find('\n'));
      text.remove_prefix(std::min(text.size(), line.size() + 1));
      ++number_;
      if (!take(line)) {
        return fail("line " + std::to_string(number_) + " of the saved rules is not understood: " +
                    std::string(line.substr(0, kMaxQuotedLine)));
      }
    }
    if (in_table_) return fail("the saved rules end inside table " + rules_.tables.back().name);
    return std::move(rules_);
  }

 private:
  bool take(std::string_view line) {
    if (line.empty()) return true;
    switch (line.front()) {
      case '#':
        return take_remark(line);
      case '*':
        return take_table(line.substr(1));
      case ':':
        return take_chain(line.substr(1));
      case '-':
        return take_rule(line);
      default:
        return line == "COMMIT" && std::exchange(in_table_, false);
    }
  }

  bool take_remark(std::string_view line) {
    constexpr std::string_view kTable = "# Table `";
    const auto end = line.find("' is incompatible");
    if (line.starts_with(kTable) && end != std::string_view::npos)
      rules_.unlisted.emplace_back(line.substr(kTable.size(), end - kTable.size()));
    return true;
  }

  bool take_table(std::string_view name) {
    if (in_table_ || name.empty()) return false;
    rules_.tables.push_back({std::string(name), {}, {}});
    return in_table_ = true;
  }

  // "PREROUTING ACCEPT [0:0]"; a chain that somebody made has the policy "-".
  bool take_chain(std::string_view line) {
    const auto name = next_word(line);
    const auto policy = next_word(line);
    if (!in_table_ || !name || !policy) return false;
    rules_.tables.back().chains.push_back({*name, *policy != "-"});
    return true;
  }

  bool take_rule(std::string_view line) {
    constexpr std::string_view kAppend = "-A ";
    if (!in_table_ || !line.starts_with(kAppend)) return false;
    line.remove_prefix(kAppend.size());
    const auto chain = next_word(line);
    if (!chain) return false;
    if (line.starts_with(' ')) line.remove_prefix(1);
    rules_.tables.back().rules.push_back({*chain, std::string(line), target_of(line)});
    return true;
  }

  SavedRules rules_;
  bool in_table_ = false;
  std::size_t number_ = 0;
};

}  // namespace

Result<SavedRules> parse_saved_rules(std::string_view text) { return Parser().parse(text); }

}  // namespace policyc::kubeproxy
