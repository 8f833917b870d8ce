#include "compiler/policy/l7/dns_pattern.h"

#include <algorithm>
#include <cctype>

#include <re2/re2.h>

namespace policyc::policy::l7 {

namespace {

constexpr std::string_view kLabelChars = "[-a-z0-9_]";

std::string_view trimmed(std::string_view text) {
  const auto is_space = [](char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; };
  while (!text.empty() && is_space(text.front())) {
    text.remove_prefix(1);
  }
  while (!text.empty() && is_space(text.back())) {
    text.remove_suffix(1);
  }
  return text;
}

std::size_t star_run(std::string_view text, std::size_t from) {
  const std::size_t end = text.find_first_not_of('*', from);
  return (end == std::string_view::npos ? text.size() : end) - from;
}

}  // namespace

std::string normalised_dns_name(std::string_view name) {
  std::string text(trimmed(name));
  std::transform(text.begin(), text.end(), text.begin(), [](char c) {
    return static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  });
  if (!text.ends_with('.')) {
    text += '.';
  }
  return text;
}

DnsPattern::DnsPattern(const std::string& regex) {
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_dot_nl(true);
  options.set_encoding(re2::RE2::Options::EncodingLatin1);
  regex_ = std::make_shared<const re2::RE2>(regex, options);
}

DnsPattern DnsPattern::from_name(std::string_view match_name) {
  return DnsPattern(re2::RE2::QuoteMeta(normalised_dns_name(match_name)));
}

DnsPattern DnsPattern::from_pattern(std::string_view match_pattern, DnsPatternUse use) {
  const std::string text = normalised_dns_name(match_pattern);
  const std::string label(kLabelChars);
  const std::size_t leading = star_run(text, 0);
  if (leading > 0 && leading + 1 == text.size()) {  // stars only, before the dot
    return DnsPattern(use == DnsPatternUse::Rule ? ".*" : "(" + label + "+\\.)+|\\.");
  }
  std::string regex;
  std::size_t at = 0;
  if (leading >= 2 && text[leading] == '.') {
    regex = label + "+(\\." + label + "+)*";
    at = leading;
  }
  while (at < text.size()) {
    if (const std::size_t run = star_run(text, at); run > 0) {
      regex += label + "*";
      at += run;
    } else {
      regex += re2::RE2::QuoteMeta(text.substr(at, 1));
      ++at;
    }
  }
  return DnsPattern(regex);
}

bool DnsPattern::matches(std::string_view name) const {
  return regex_->ok() && re2::RE2::FullMatch(normalised_dns_name(name), *regex_);
}

}  // namespace policyc::policy::l7
