#include "compiler/emit/peer_names.h"

#include <algorithm>
#include <map>

#include "compiler/policy/labels.h"

namespace policyc::emit {
namespace {

constexpr std::size_t kMaxWord = 24;

// Letters and digits, upper case; everything between them becomes one `_`.
std::string identifier(std::string_view text) {
  std::string result;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool lower = byte >= 'a' && byte <= 'z';
    if (lower || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9')) {
      result += static_cast<char>(lower ? byte - 'a' + 'A' : byte);
    } else if (!result.empty() && result.back() != '_') {
      result += '_';
    }
    if (result.size() == kMaxWord) break;
  }
  while (result.ends_with('_')) result.pop_back();
  return result;
}

// What tells a selector from its neighbours: not the namespace and cluster, which most of them
// name.
bool is_scope(const policy::Requirement& requirement) {
  return requirement.key == policy::kPodNamespaceKey || requirement.key == policy::kClusterKey;
}

std::string word_of(const policy::Requirement& requirement) {
  const bool has_value = requirement.op == policy::Operator::In && !requirement.values.empty() &&
                         !requirement.values.front().empty();
  std::string word = identifier(has_value ? requirement.values.front() : requirement.key);
  if (requirement.source == "cidr") word = "CIDR_" + word;
  const bool negative =
      requirement.op == policy::Operator::NotIn || requirement.op == policy::Operator::DoesNotExist;
  return negative ? "NOT_" + word : word;
}

std::string word_of(const policy::Selector& selector) {
  if (selector.requirements.empty()) return "EVERYBODY";
  const auto own = std::find_if(selector.requirements.begin(), selector.requirements.end(),
                                [](const auto& requirement) { return !is_scope(requirement); });
  if (own != selector.requirements.end()) return word_of(*own);
  return "ALL_OF_" + word_of(selector.requirements.back());
}

std::string word_of(const policy::Predicate& predicate) {
  if (predicate.selectors.empty()) return "NOBODY";
  std::string word = word_of(predicate.selectors.front());
  const std::size_t others = predicate.selectors.size() - 1;
  if (others == 1) return word + "_OR_" + word_of(predicate.selectors.back());
  if (others > 1) word += "_OR_" + std::to_string(others) + "_MORE";
  return word;
}

}  // namespace

std::vector<std::string> peer_names(const ir::Shape& shape, std::size_t direction) {
  std::vector<std::string> names;
  std::map<std::string, std::size_t> used;
  for (const std::uint32_t predicate : shape.directions[direction].predicates) {
    std::string name = word_of(shape.predicates[predicate]);
    if (name.empty() || (name[0] >= '0' && name[0] <= '9')) name = "P_" + name;
    // Two underscores: no word has them, so a number cannot make two names equal.
    const std::size_t earlier = used[name]++;
    if (earlier > 0) name += "__" + std::to_string(earlier + 1);
    names.push_back(std::move(name));
  }
  return names;
}

}  // namespace policyc::emit
