#include "compiler/policy/l7/sni_pattern.h"

#include <string>

#include <re2/re2.h>

namespace policyc::policy::l7 {

namespace {

constexpr std::string_view kAnyLabel = "[-a-zA-Z0-9_]+";

std::string any_labels() { return std::string(kAnyLabel) + "(\\." + std::string(kAnyLabel) + ")*"; }

// One label of the pattern; nothing when it is empty.
std::string label_regex(std::string_view label) {
  std::string regex;
  for (const char c : label) {
    if (c == '*') {
      regex += "[-a-zA-Z0-9_]*";
    } else {
      regex += re2::RE2::QuoteMeta(std::string(1, c));
    }
  }
  return regex;
}

}  // namespace

SniPattern::SniPattern(std::string_view pattern) {
  std::string regex;
  std::string_view rest = pattern;
  if (pattern == "*") {
    regex = any_labels();
    rest = {};
  } else if (pattern.starts_with("**.")) {
    regex = any_labels();
    rest.remove_prefix(2);
  }
  bool first = regex.empty();
  while (!rest.empty()) {
    if (!first) {
      rest.remove_prefix(1);  // the dot
      regex += "\\.";
    }
    first = false;
    const std::string_view label = rest.substr(0, rest.find('.'));
    if (label.empty()) {
      return;
    }
    regex += label_regex(label);
    rest.remove_prefix(label.size());
  }
  if (regex.empty()) {
    return;
  }
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_case_sensitive(false);
  regex_ = std::make_shared<const re2::RE2>(regex, options);
}

bool SniPattern::matches(std::string_view server_name) const {
  return regex_ != nullptr && regex_->ok() && !server_name.empty() &&
         re2::RE2::FullMatch(re2::StringPiece(server_name.data(), server_name.size()), *regex_);
}

}  // namespace policyc::policy::l7
