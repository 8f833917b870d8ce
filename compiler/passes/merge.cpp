#include <algorithm>
#include <iterator>
#include <numeric>
#include <tuple>

#include "compiler/passes/passes.h"
#include "compiler/passes/ports.h"

namespace policyc::passes {
namespace {

// What must agree whatever is joined: a joined rule names one origin, and that one exactly.
auto kind(const ir::Rule& rule) {
  return std::tie(rule.origin.line, rule.verdict, rule.priority, rule.auth_required, rule.parser,
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
  // Joins the rules of one key into the one with the smallest id.
  template <class Key, class Join>
  void join(Key&& key, Join&& join_into) {
    std::vector<std::uint32_t> order;
    for (std::uint32_t i = 0; i < rules_.size(); ++i) {
      if (!gone_[i]) order.push_back(i);
    }
    std::sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
      const auto left = key(rules_[a]);
      const auto right = key(rules_[b]);
      return left < right || (left == right && a < b);
    });
    for (std::size_t i = 0; i < order.size();) {
      std::size_t next = i + 1;
      while (next < order.size() && key(rules_[order[i]]) == key(rules_[order[next]])) ++next;
      for (std::size_t j = i + 1; j < next; ++j) {
        join_into(rules_[order[i]], rules_[order[j]]);
        gone_[order[j]] = true;
      }
      i = next;
    }
  }

  std::vector<ir::Rule>& rules_;  // in the order of their ids
  std::vector<bool> gone_;
};

}  // namespace

void Merge::run(ir::EndpointPolicy& policy, Context&) {
  for (ir::DirectionPolicy& direction : policy.directions) Merger(direction.rules).run();
}

}  // namespace policyc::passes
