#include "compiler/identity/change.h"

#include <unordered_map>

namespace policyc::identity {

void Change::append(const Change& next) {
  created.insert(created.end(), next.created.begin(), next.created.end());
  retired.insert(retired.end(), next.retired.begin(), next.retired.end());
  if (moved.empty() || next.moved.empty()) {
    moved.insert(moved.end(), next.moved.begin(), next.moved.end());
    return;
  }
  std::unordered_map<IdentityId, std::size_t> position;
  for (std::size_t i = 0; i < moved.size(); ++i) position[moved[i].identity] = i;
  for (const Move& move : next.moved) {
    const auto [known, is_new] = position.try_emplace(move.identity, moved.size());
    if (is_new) {
      moved.push_back(move);
    } else {
      moved[known->second].to = move.to;
    }
  }
  std::erase_if(moved, [](const Move& move) { return move.from == move.to; });
}

}  // namespace policyc::identity
