#include "compiler/policy/l7/http_rule.h"

#include <algorithm>
#include <cctype>

#include <re2/re2.h>

namespace policyc::policy::l7 {

namespace {

std::shared_ptr<const re2::RE2> compile(const std::string& regex) {
  if (regex.empty()) {
    return nullptr;
  }
  re2::RE2::Options options;
  options.set_log_errors(false);
  return std::make_shared<const re2::RE2>(regex, options);
}

bool full_match(const std::shared_ptr<const re2::RE2>& regex, const std::string& text) {
  return regex == nullptr || (regex->ok() && re2::RE2::FullMatch(text, *regex));
}

bool same_header_name(const std::string& a, const std::string& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    return std::tolower(static_cast<unsigned char>(x)) ==
           std::tolower(static_cast<unsigned char>(y));
  });
}

// Lines of the same name joined with commas; nothing when there is none.
std::optional<std::string> header_value(const HttpRequest& request, const std::string& name) {
  std::optional<std::string> value;
  for (const auto& [key, line] : request.headers) {
    if (same_header_name(key, name)) {
      value = value ? *value + "," + line : line;
    }
  }
  return value;
}

}  // namespace

HttpMatcher::HttpMatcher(const HttpRule& rule)
    : path_(compile(rule.path.value)),
      method_(compile(rule.method.value)),
      host_(compile(rule.host.value)) {
  for (const LocatedString& written : rule.headers) {
    const std::string& text = written.value;
    const std::size_t space = text.find(' ');
    if (space == std::string::npos) {
      headers_.push_back({text, std::nullopt});  // the whole text is the name, a colon included
      continue;
    }
    std::string name = text.substr(0, space);
    name.erase(name.find_last_not_of(':') + 1);
    std::string value = text.substr(space + 1);
    headers_.push_back(
        {std::move(name), value.empty() ? std::nullopt : std::optional(std::move(value))});
  }
  for (const HeaderMatch& match : rule.header_matches) {
    // Secrets are not known here: without an inline value the header can not be compared.
    if (match.has_secret && match.value.value.empty()) {
      never_ = true;
    } else if (match.mismatch.value.empty()) {
      headers_.push_back({match.name.value, match.value.value.empty()
                                                ? std::nullopt
                                                : std::optional(match.value.value)});
    }
  }
}

bool HttpMatcher::matches(const HttpRequest& request) const {
  return !never_ && full_match(path_, request.path) && full_match(method_, request.method) &&
         full_match(host_, request.host) &&
         std::all_of(headers_.begin(), headers_.end(), [&request](const Header& header) {
           const auto value = header_value(request, header.name);
           return value && (!header.value || *value == *header.value);
         });
}

}  // namespace policyc::policy::l7
