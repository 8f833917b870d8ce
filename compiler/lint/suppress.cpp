#include "compiler/lint/suppress.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <set>

#include "compiler/lint/rules.h"

namespace policyc::lint {
namespace {

constexpr std::string_view kMark = "policyc:ignore";
constexpr std::string_view kAnnotation = "policyc.io/ignore";

struct Comment {
  source::Range range;     // of the comment, from its `#` on
  bool alone = false;      // nothing else in the line
  std::uint32_t line = 0;  // the line whose findings it suppresses
  std::vector<std::string> rules;
  std::string reason;
  std::string object;  // of an annotation: the policy; else empty
  bool used = false;
};

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r";
  const std::size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

// "PL0001,PL0002 -- reason"
void read_words(std::string_view text, Comment& comment) {
  text = trimmed(text);
  const std::size_t space = text.find_first_of(" \t");
  std::string_view names = text.substr(0, space);
  while (!names.empty()) {
    const std::size_t comma = names.find(',');
    std::string_view name = trimmed(names.substr(0, comma));
    if (name.ends_with(':')) name.remove_suffix(1);
    if (!name.empty()) comment.rules.emplace_back(name);
    if (comma == std::string_view::npos) break;
    names.remove_prefix(comma + 1);
  }
  if (space == std::string_view::npos) return;
  std::string_view reason = trimmed(text.substr(space));
  while (reason.starts_with('-') || reason.starts_with(':')) reason = trimmed(reason.substr(1));
  comment.reason = reason;
}

std::uint32_t column_at(std::string_view line, std::size_t offset) {
  std::uint32_t column = 1;
  for (std::size_t i = 0; i < offset; ++i)
    column += (static_cast<unsigned char>(line[i]) & 0xc0U) != 0x80U ? 1U : 0U;
  return column;
}

// The first line from `line` on that holds more than a comment.
std::uint32_t next_content(const source::SourceMap& sources, source::FileId file,
                           std::uint32_t line, std::uint32_t count) {
  for (; line <= count; ++line) {
    const std::string_view text = trimmed(sources.line_text(file, line));
    if (!text.empty() && !text.starts_with('#') && text != "---") return line;
  }
  return line;
}

// Whether a `#` at this offset begins a comment: not inside quotes of the line.
bool is_comment(std::string_view line, std::size_t at) {
  if (at != 0 && line[at - 1] != ' ' && line[at - 1] != '\t') return false;
  char quote = 0;
  for (std::size_t i = 0; i < at; ++i) {
    const char c = line[i];
    if (quote == '"' && c == '\\') {
      ++i;
    } else if (quote != 0) {
      if (c == quote) quote = 0;
    } else if ((c == '"' || c == '\'') &&
               (i == 0 || std::isalnum(static_cast<unsigned char>(line[i - 1])) == 0)) {
      quote = c;
    }
  }
  return quote == 0;
}

void read_file(const source::SourceMap& sources, source::FileId file,
               std::vector<Comment>& comments) {
  const std::string& text = sources.text(file);
  if (text.find(kMark) == std::string::npos) return;
  const auto count = static_cast<std::uint32_t>(std::count(text.begin(), text.end(), '\n') + 1);
  for (std::uint32_t number = 1; number <= count; ++number) {
    const std::string_view line = sources.line_text(file, number);
    const std::size_t mark = line.find(kMark);
    if (mark == std::string_view::npos) continue;
    const std::size_t hash = line.rfind('#', mark);
    if (hash == std::string_view::npos ||
        !trimmed(line.substr(hash + 1, mark - hash - 1)).empty() || !is_comment(line, hash))
      continue;
    Comment comment;
    comment.alone = trimmed(line.substr(0, hash)).empty();
    comment.line = comment.alone ? next_content(sources, file, number + 1, count) : number;
    comment.range = {file, {number, column_at(line, hash)}, {number, column_at(line, line.size())}};
    read_words(line.substr(mark + kMark.size()), comment);
    comments.push_back(std::move(comment));
  }
}

void read_annotations(const Inputs& inputs, std::vector<Comment>& comments) {
  for (const manifest::Document& document : inputs.documents) {
    const manifest::Node* metadata = document.root.find("metadata");
    const manifest::Node* annotations =
        metadata != nullptr && metadata->is_mapping() ? metadata->find("annotations") : nullptr;
    if (annotations == nullptr || !annotations->is_mapping()) continue;
    const manifest::Node* value = annotations->find(kAnnotation);
    if (value == nullptr || !value->is_string()) continue;
    std::string_view rest = value->text;
    while (!rest.empty()) {
      const std::size_t end = rest.find(';');
      Comment comment;
      comment.range = inputs.sources.range(value->id);
      comment.object = object_of(document);
      read_words(rest.substr(0, end), comment);
      if (!comment.rules.empty()) comments.push_back(std::move(comment));
      rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    }
  }
}

bool covers(const Comment& comment, const RawFinding& finding) {
  const bool named =
      std::find(comment.rules.begin(), comment.rules.end(), finding.finding.rule) !=
          comment.rules.end() ||
      (finding.rule != nullptr && std::find(comment.rules.begin(), comment.rules.end(),
                                            finding.rule->name) != comment.rules.end());
  if (!named) return false;
  if (!comment.object.empty()) return comment.object == finding.object;
  const auto& place = finding.finding.place;
  return place && place->file == comment.range.file && place->begin.line == comment.line;
}

// The comment, with what stands before it: the whole line when it is alone.
diag::Fix removal(const source::SourceMap& sources, const Comment& comment) {
  source::Range range = comment.range;
  if (comment.alone) {
    range.begin.column = 1;
    range.end = {range.begin.line + 1, 1};
  } else {
    const std::string_view line = sources.line_text(range.file, range.begin.line);
    const std::size_t hash = line.rfind('#', line.find(kMark));
    const std::size_t last = line.find_last_not_of(" \t", hash - 1);
    range.begin.column = column_at(line, last + 1);
    if (line.ends_with('\r')) --range.end.column;
  }
  return {"remove the comment", {{range, {}}}};
}

void report(const Rule& rule, const Comment& comment, std::string message,
            std::optional<diag::Fix> fix, std::vector<RawFinding>& findings) {
  RawFinding raw;
  raw.rule = &rule;
  raw.object = comment.object;
  raw.finding.rule = rule.id;
  raw.finding.severity = rule.severity;
  raw.finding.message = std::move(message);
  raw.finding.place = comment.range;
  raw.finding.fix = std::move(fix);
  findings.push_back(std::move(raw));
}

bool is_code(std::string_view name) { return name.size() == 6 && name.starts_with("PC"); }

}  // namespace

void suppress(const Inputs& inputs, const std::function<bool(const Rule&)>& is_judged,
              std::vector<RawFinding>& findings) {
  std::vector<Comment> comments;
  for (std::uint32_t file = 0; file < inputs.sources.file_count(); ++file)
    read_file(inputs.sources, source::FileId{file}, comments);
  read_annotations(inputs, comments);
  if (comments.empty()) return;
  std::vector<RawFinding> about;
  for (Comment& comment : comments) {
    std::string unknown;
    for (const std::string& name : comment.rules) {
      if (find_rule(name) == nullptr && !is_code(name)) unknown = name;
    }
    if (!unknown.empty() || comment.rules.empty()) {
      report(kSuppressionWithoutReason, comment,
             unknown.empty() ? std::string("this suppression names no rule")
                             : "no rule is called " + diag::quoted(unknown),
             std::nullopt, about);
      continue;
    }
    if (comment.reason.empty()) {
      report(kSuppressionWithoutReason, comment,
             "this suppression gives no reason, so it suppresses nothing", std::nullopt, about);
      continue;
    }
    bool judged = true;
    for (const std::string& name : comment.rules) {
      const Rule* rule = find_rule(name);
      judged = judged && (rule == nullptr || is_judged(*rule));
    }
    for (RawFinding& finding : findings) {
      if (finding.finding.suppressed || !covers(comment, finding)) continue;
      finding.finding.suppressed =
          diag::Suppression{diag::Suppression::Kind::InSource, comment.reason};
      comment.used = true;
    }
    if (comment.used || !judged) continue;
    std::optional<diag::Fix> fix;
    if (comment.object.empty()) fix = removal(inputs.sources, comment);
    report(kUnusedSuppression, comment, "this suppression has nothing to suppress", std::move(fix),
           about);
  }
  std::move(about.begin(), about.end(), std::back_inserter(findings));
}

}  // namespace policyc::lint
