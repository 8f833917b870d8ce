#include "compiler/diff/peer_text.h"

#include <algorithm>
#include <optional>

namespace policyc::diff {
namespace {

constexpr std::size_t kMaxParts = 4;  // predicates joined in one text
constexpr std::size_t kListed = 4;    // kinds listed by name

std::size_t count(const KindSet& set) {
  return static_cast<std::size_t>(std::count(set.begin(), set.end(), true));
}

bool is_subset(const KindSet& inner, const KindSet& outer) {
  for (std::size_t i = 0; i < inner.size(); ++i) {
    if (inner[i] && !outer[i]) return false;
  }
  return true;
}

std::size_t common(const KindSet& a, const KindSet& b) {
  std::size_t out = 0;
  for (std::size_t i = 0; i < a.size(); ++i) out += static_cast<std::size_t>(a[i] && b[i]);
  return out;
}

// A few predicates whose union holds all of `needed` and nothing of `forbidden`, largest gain
// first; nothing when there are none.
std::optional<std::string> as_union(const KindSet& needed, const KindSet& forbidden,
                                    const std::vector<NamedSet>& predicates) {
  KindSet open = needed;
  std::string text;
  for (std::size_t part = 0; count(open) != 0; ++part) {
    const NamedSet* best = nullptr;
    std::size_t gain = 0;
    for (const NamedSet& predicate : predicates) {
      const std::size_t more = common(predicate.kinds, open);
      if (more <= gain || common(predicate.kinds, forbidden) != 0) continue;
      gain = more;
      best = &predicate;
    }
    if (best == nullptr || part == kMaxParts) return std::nullopt;
    text += (part == 0 ? "" : " or ") + best->name;
    for (std::size_t i = 0; i < open.size(); ++i) open[i] = open[i] && !best->kinds[i];
  }
  return text;
}

KindSet minus(const KindSet& a, const KindSet& b) {
  KindSet out = a;
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = out[i] && !b[i];
  return out;
}

}  // namespace

std::string peer_text(const KindSet& wanted, const std::vector<NamedSet>& predicates,
                      const std::vector<std::string>& kind_names) {
  const std::size_t size = count(wanted);
  if (size == wanted.size()) return "anybody";
  const KindSet everybody(wanted.size(), true);
  if (auto text = as_union(wanted, minus(everybody, wanted), predicates)) return *text;
  // What is left out of a larger set.
  std::vector<NamedSet> outer{{"anybody", everybody}};
  outer.insert(outer.end(), predicates.begin(), predicates.end());
  std::sort(outer.begin() + 1, outer.end(),
            [](const NamedSet& a, const NamedSet& b) { return count(a.kinds) < count(b.kinds); });
  std::rotate(outer.begin(), outer.begin() + 1, outer.end());  // `anybody` last
  for (const NamedSet& predicate : outer) {
    if (!is_subset(wanted, predicate.kinds)) continue;
    if (const auto without = as_union(minus(predicate.kinds, wanted), wanted, predicates))
      return predicate.name + ", but not " + *without;
  }
  std::string text;
  std::size_t listed = 0;
  for (std::size_t i = 0; i < wanted.size() && listed < kListed; ++i) {
    if (wanted[i]) text += (listed++ == 0 ? "" : "; ") + kind_names[i];
  }
  return size > listed ? text + "; and " + std::to_string(size - listed) + " more kinds" : text;
}

}  // namespace policyc::diff
