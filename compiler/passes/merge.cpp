#include <algorithm>
#include <iterator>
#include <tuple>

#include "compiler/passes/passes.h"
#include "compiler/passes/ports.h"
#include "compiler/passes/same_line.h"

namespace policyc::passes {
namespace {

// What must agree whatever is joined: a joined rule names one origin, and that one exactly.
auto kind(const ir::Rule& rule) {
  return std::tie(rule.verdict, rule.priority, rule.auth_required, rule.answer, rule.parser,
                  rule.origin.path, rule.origin.object, rule.origin.file);
}

class Merger {
 public:
  explicit Merger(std::vector<ir::Rule>& rules) : rules_(rules), gone_(rules.size()) {}

  void run() {
    join(
        [](const ir::Rule& rule) {
          return std::tuple_cat(kind(rule), std::tie(rule.any_peer, rule.peers));
        },
        [](ir::Rule& into, const ir::Rule& from) {
          into.ports.insert(into.ports.end(), from.ports.begin(), from.ports.end());
          coalesce(into.ports);
        });
    join([](const ir::Rule& rule) { return std::tuple_cat(kind(rule), std::tie(rule.ports)); },
         [](ir::Rule& into, const ir::Rule& from) {
           into.any_peer = into.any_peer || from.any_peer;
           std::vector<std::uint32_t> peers;
           if (!into.any_peer) {
             std::set_union(into.peers.begin(), into.peers.end(), from.peers.begin(),
                            from.peers.end(), std::back_inserter(peers));
           }
           into.peers = std::move(peers);
         });
    std::size_t index = 0;
    std::erase_if(rules_, [&](const ir::Rule&) { return gone_[index++]; });
  }

 private:
  // Joins the rules of one line and one key into the one with the smallest id.
  template <class Key, class Join>
  void join(Key&& key, Join&& join_into) {
    const auto visit = [&](std::span<std::uint32_t> shared) {
      std::sort(shared.begin(), shared.end(), [&](std::uint32_t a, std::uint32_t b) {
        const auto left = key(rules_[a]);
        const auto right = key(rules_[b]);
        return left < right || (left == right && a < b);
      });
      for (std::size_t i = 0; i < shared.size();) {
        std::size_t next = i + 1;
        while (next < shared.size() && key(rules_[shared[i]]) == key(rules_[shared[next]])) ++next;
        for (std::size_t j = i + 1; j < next; ++j) {
          join_into(rules_[shared[i]], rules_[shared[j]]);
          gone_[shared[j]] = true;
        }
        i = next;
      }
    };
    for_each_shared_line(rules_, [this](std::uint32_t i) { return gone_[i]; }, visit);
  }

  std::vector<ir::Rule>& rules_;  // in the order of their ids
  std::vector<bool> gone_;
};

}  // namespace

void Merge::run(ir::EndpointPolicy& policy, Context&) {
  for (ir::DirectionPolicy& direction : policy.directions) Merger(direction.rules).run();
}

}  // namespace policyc::passes
