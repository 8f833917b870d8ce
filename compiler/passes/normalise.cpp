#include <algorithm>
#include <tuple>

#include "compiler/passes/passes.h"
#include "compiler/passes/same_line.h"

namespace policyc::passes {
namespace {

template <class T>
void sort_unique(std::vector<T>& items) {
  if (items.size() < 2) return;
  std::sort(items.begin(), items.end());
  items.erase(std::unique(items.begin(), items.end()), items.end());
}

// Everything but the id and the line, cheap and telling parts first.
auto content(const ir::Rule& rule) {
  return std::tie(rule.verdict, rule.any_peer, rule.peers, rule.statements, rule.entities,
                  rule.auth_required, rule.answer, rule.priority, rule.parser, rule.origin.path,
                  rule.origin.object, rule.origin.file);
}

void drop_duplicates(std::vector<ir::Rule>& rules) {
  std::vector<bool> twice;
  const auto visit = [&](std::span<std::uint32_t> shared) {
    std::sort(shared.begin(), shared.end(), [&rules](std::uint32_t a, std::uint32_t b) {
      const auto left = content(rules[a]);
      const auto right = content(rules[b]);
      return left < right || (left == right && a < b);
    });
    for (std::size_t i = 1; i < shared.size(); ++i) {
      if (content(rules[shared[i - 1]]) != content(rules[shared[i]])) continue;
      twice.resize(rules.size());
      twice[shared[i]] = true;
    }
  };
  for_each_shared_line(rules, [](std::uint32_t) { return false; }, visit);
  if (twice.empty()) return;
  std::size_t index = 0;
  std::erase_if(rules, [&](const ir::Rule&) { return twice[index++]; });
}

}  // namespace

void Normalise::run(ir::EndpointPolicy& policy, Context&) {
  for (ir::DirectionPolicy& direction : policy.directions) {
    sort_unique(direction.named_ports);
    for (ir::Rule& rule : direction.rules) {
      sort_unique(rule.peers);
      sort_unique(rule.entities);
      sort_unique(rule.statements);
    }
    const auto by_id = [](const ir::Rule& a, const ir::Rule& b) { return a.id < b.id; };
    if (!std::is_sorted(direction.rules.begin(), direction.rules.end(), by_id))
      std::sort(direction.rules.begin(), direction.rules.end(), by_id);
    drop_duplicates(direction.rules);
  }
}

}  // namespace policyc::passes
