// Text forms of selectors: one for people, one that parses back.

#include <algorithm>
#include <functional>

#include "compiler/policy/selector.h"

namespace policyc::policy {

namespace {

std::string joined(const std::vector<std::string>& parts, std::string_view separator) {
  std::string text;
  for (const std::string& part : parts) {
    if (&part != &parts.front()) {
      text += separator;
    }
    text += part;
  }
  return text;
}

std::string readable(const Requirement& requirement) {
  const std::string name = requirement.source + ":" + requirement.key;
  switch (requirement.op) {
    case Operator::In:
      if (requirement.values.size() == 1) {
        return requirement.values[0].empty() ? name : name + "=" + requirement.values[0];
      }
      return name + " in (" + joined(requirement.values, ", ") + ")";
    case Operator::NotIn:
      return name + " not in (" + joined(requirement.values, ", ") + ")";
    case Operator::Exists:
      return name + " exists";
    case Operator::DoesNotExist:
      return "!" + name;
  }
  return name;
}

std::string readable_cidr(const std::string& key) {
  const auto prefix = parse_cidr_label_key(key);
  return prefix ? prefix->to_string() : key;
}

constexpr std::string_view kPlain =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._/-";
constexpr std::string_view kHex = "0123456789abcdef";

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (kPlain.find(c) != std::string_view::npos) {
      out += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out += '%';
      out += kHex[byte >> 4U];
      out += kHex[byte & 15U];
    }
  }
  return out;
}

std::optional<std::string> unescaped(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      if (kPlain.find(text[i]) == std::string_view::npos) {
        return std::nullopt;
      }
      out += text[i];
      continue;
    }
    if (i + 2 >= text.size()) {
      return std::nullopt;
    }
    const std::size_t high = kHex.find(text[i + 1]);
    const std::size_t low = kHex.find(text[i + 2]);
    if (high == std::string_view::npos || low == std::string_view::npos) {
      return std::nullopt;
    }
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return out;
}

std::string serialised(const Requirement& requirement) {
  std::string text = requirement.op == Operator::DoesNotExist ? "!" : "";
  text += escaped(requirement.source) + ":" + escaped(requirement.key);
  if (requirement.op == Operator::In || requirement.op == Operator::NotIn) {
    text += requirement.op == Operator::In ? "=" : "!=";
    std::vector<std::string> values;
    values.reserve(requirement.values.size());
    for (const std::string& value : requirement.values) {
      values.push_back(escaped(value));
    }
    text += joined(values, "|");
  }
  return text;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const std::size_t at = text.find(separator);
    parts.push_back(text.substr(0, at));
    if (at == std::string_view::npos) {
      return parts;
    }
    text.remove_prefix(at + 1);
  }
}

std::optional<Requirement> parse_requirement(std::string_view text) {
  Requirement requirement;
  std::string_view name = text;
  const std::size_t equals = text.find('=');
  if (text.starts_with('!')) {
    requirement.op = Operator::DoesNotExist;
    name.remove_prefix(1);
    if (equals != std::string_view::npos) {
      return std::nullopt;
    }
  } else if (equals != std::string_view::npos) {
    const bool negative = equals > 0 && text[equals - 1] == '!';
    requirement.op = negative ? Operator::NotIn : Operator::In;
    name = text.substr(0, negative ? equals - 1 : equals);
    for (const std::string_view part : split(text.substr(equals + 1), '|')) {
      auto value = unescaped(part);
      if (!value) {
        return std::nullopt;
      }
      requirement.values.push_back(std::move(*value));
    }
    const auto& values = requirement.values;
    if (std::adjacent_find(values.begin(), values.end(), std::greater_equal<>()) != values.end()) {
      return std::nullopt;  // not sorted, or a duplicate
    }
  }
  const std::size_t colon = name.find(':');
  if (colon == std::string_view::npos) {
    return std::nullopt;
  }
  auto source = unescaped(name.substr(0, colon));
  auto key = unescaped(name.substr(colon + 1));
  if (!source || !key) {
    return std::nullopt;
  }
  requirement.source = std::move(*source);
  requirement.key = std::move(*key);
  return requirement;
}

}  // namespace

std::string Selector::to_string() const {
  if (requirements.empty()) {
    return "everything";
  }
  std::vector<std::string> parts;
  std::vector<std::string> exceptions;
  for (const Requirement& requirement : requirements) {
    if (requirement.source == "cidr" && requirement.op == Operator::Exists) {
      parts.push_back("cidr " + readable_cidr(requirement.key));
    } else if (requirement.source == "cidr" && requirement.op == Operator::DoesNotExist) {
      exceptions.push_back(readable_cidr(requirement.key));
    } else if (requirement.source == "fqdn" && requirement.op == Operator::Exists) {
      parts.push_back("fqdn " + requirement.key);
    } else if (requirement.source == "cidrgroup" && requirement.op == Operator::Exists &&
               requirement.key.starts_with(kCidrGroupNamePrefix)) {
      parts.push_back("cidrGroup " + requirement.key.substr(kCidrGroupNamePrefix.size()));
    } else {
      parts.push_back(readable(requirement));
    }
  }
  std::string readable_text = joined(parts, ", ");
  if (!exceptions.empty()) {
    readable_text += (parts.empty() ? "everything except " : " except ") + joined(exceptions, ", ");
  }
  return readable_text;
}

std::string Selector::serialise() const {
  if (requirements.empty()) {
    return "*";
  }
  std::vector<Requirement> sorted = requirements;
  std::sort(sorted.begin(), sorted.end());
  sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
  std::vector<std::string> parts;
  parts.reserve(sorted.size());
  for (const Requirement& requirement : sorted) {
    parts.push_back(serialised(requirement));
  }
  return joined(parts, "&");
}

std::optional<Selector> parse_selector(std::string_view text) {
  Selector selector;
  if (text != "*") {
    for (const std::string_view part : split(text, '&')) {
      auto requirement = parse_requirement(part);
      if (!requirement) {
        return std::nullopt;
      }
      selector.requirements.push_back(std::move(*requirement));
    }
  }
  selector.text = selector.serialise();
  return selector;
}

}  // namespace policyc::policy
