#include "compiler/policy/predicate.h"

#include <algorithm>

namespace policyc::policy {
namespace {

constexpr std::size_t kMaxListed = 4;

}  // namespace

bool Predicate::matches(const LabelSet& labels) const {
  return std::any_of(selectors.begin(), selectors.end(),
                     [&labels](const Selector& selector) { return selector.matches(labels); });
}

std::string Predicate::serialise() const {
  std::vector<std::string> parts;
  parts.reserve(selectors.size());
  for (const Selector& selector : selectors) parts.push_back(selector.serialise());
  std::sort(parts.begin(), parts.end());
  parts.erase(std::unique(parts.begin(), parts.end()), parts.end());
  std::string text;
  for (const std::string& part : parts) {
    if (!text.empty()) text += " | ";
    text += part;
  }
  return text;
}

std::string Predicate::to_string() const {
  if (selectors.empty()) return "nothing";
  std::string text;
  for (std::size_t i = 0; i < selectors.size(); ++i) {
    if (i == kMaxListed) return text + " or " + std::to_string(selectors.size() - i) + " more";
    text += (i == 0 ? "" : " or ") + selectors[i].to_string();
  }
  return text;
}

}  // namespace policyc::policy
