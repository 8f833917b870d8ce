#include "compiler/policy/suggest.h"

#include <algorithm>
#include <vector>

#include "compiler/policy/text_format.h"

namespace policyc::policy {
namespace {

// Edits (insert, delete, replace, swap of neighbours) that turn one word into the other.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<std::size_t>> cost(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) cost[i][0] = i;
  for (std::size_t j = 0; j <= b.size(); ++j) cost[0][j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replace = cost[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      cost[i][j] = std::min({cost[i - 1][j] + 1, cost[i][j - 1] + 1, replace});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        cost[i][j] = std::min(cost[i][j], cost[i - 2][j - 2] + 1);
      }
    }
  }
  return cost[a.size()][b.size()];
}

constexpr std::size_t kShortestStem = 3;
constexpr std::size_t kLongestWord =
    64;  // nothing longer is a slip of a known word, and the table is quadratic

}  // namespace

std::string nearest_word(std::string_view seen, std::span<const std::string_view> known) {
  if (seen.empty() || seen.size() > kLongestWord) return {};
  const std::string folded = ascii_lower(seen);
  std::string_view best;
  for (const std::string_view word : known) {  // a word broken off
    const bool longer = folded.size() >= kShortestStem && ascii_lower(word).starts_with(folded);
    if (longer && (best.empty() || word.size() < best.size())) best = word;
  }
  if (!best.empty()) return std::string(best);
  std::size_t best_distance = std::max<std::size_t>(1, seen.size() / 3) + 1;
  for (const std::string_view word : known) {
    const std::size_t distance = edit_distance(folded, ascii_lower(word));
    if (distance < best_distance) {
      best = word;
      best_distance = distance;
    }
  }
  return std::string(best);
}

}  // namespace policyc::policy
