#include "compiler/manifest/read_context.h"

#include <algorithm>
#include <numeric>
#include <utility>
#include <vector>

namespace policyc::manifest {
namespace {

constexpr std::size_t kSmallMapping = 16;  // members that are compared pair by pair

// Later members with the key of an earlier one, each with the first that has it, in order of keys
// or of members.
std::vector<std::pair<std::size_t, std::size_t>> duplicates(const std::vector<Member>& members) {
  std::vector<std::pair<std::size_t, std::size_t>> result;
  if (members.size() <= kSmallMapping) {
    for (std::size_t second = 1; second < members.size(); ++second) {
      for (std::size_t first = 0; first < second; ++first) {
        if (members[first].key != members[second].key) continue;
        result.emplace_back(first, second);
        break;
      }
    }
    return result;
  }
  std::vector<std::size_t> order(members.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, {},
                           [&](std::size_t i) -> const std::string& { return members[i].key; });
  std::size_t first = 0;
  for (std::size_t i = 1; i < order.size(); ++i) {
    if (members[order[i]].key == members[order[first]].key) {
      result.emplace_back(order[first], order[i]);
    } else {
      first = i;
    }
  }
  return result;
}

}  // namespace

diag::Diagnostic& ReadContext::report(diag::Id id, const Extent& extent, std::string message) {
  return diagnostics.report(id, add_node(extent), std::move(message));
}

source::NodeId ReadContext::add_node(const Extent& extent) {
  if (!limits.places) return source::NodeId{placeless++};
  return sources.add_node(positions.range(file, extent));
}

bool ReadContext::check_duplicate_keys(const Node& mapping) {
  if (mapping.members.size() < 2) return true;
  const auto found = duplicates(mapping.members);
  for (const auto& [first, second] : found) {
    const Member& member = mapping.members[second];
    auto& diagnostic = diagnostics.report(diag::Id::DuplicateKey, member.key_id,
                                          "key " + diag::quoted(member.key) + " is given twice");
    diagnostic.infos.push_back({mapping.members[first].key_id, "first given here"});
    if (diagnostics.exhausted()) break;
  }
  return found.empty();
}

}  // namespace policyc::manifest
