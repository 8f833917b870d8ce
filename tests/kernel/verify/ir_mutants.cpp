#include <algorithm>
#include <functional>

#include "tests/kernel/verify/mutants.h"

namespace policyc::kernel_test {
namespace {

using ir::EndpointPolicy;
using ir::Rule;
using ir::Verdict;
using matrix::PortRange;

class Mutator {
 public:
  explicit Mutator(const EndpointPolicy& policy) : policy_(policy) {}

  std::vector<IrMutant> run() {
    for (std::size_t direction = 0; direction < 2; ++direction) {
      const auto& part = policy_.directions[direction];
      for (std::size_t i = 0; i < part.rules.size(); ++i) mutate_rule(direction, i);
      mutate_direction(direction);
    }
    mutate_predicates();
    mutate("directions exchanged",
           [](EndpointPolicy& policy) { std::swap(policy.directions[0], policy.directions[1]); });
    return std::move(out_);
  }

 private:
  void mutate(const std::string& what, const std::function<void(EndpointPolicy&)>& change) {
    IrMutant mutant{what, policy_};
    change(mutant.policy);
    out_.push_back(std::move(mutant));
  }

  void mutate_rule(std::size_t direction, std::size_t index) {
    const Rule& rule = policy_.directions[direction].rules[index];
    const std::string name =
        std::string(ir::direction_name(direction)) + " rule " + std::to_string(rule.id) + ": ";
    const auto change = [&](const std::string& what, const std::function<void(Rule&)>& edit) {
      mutate(name + what,
             [&](EndpointPolicy& policy) { edit(policy.directions[direction].rules[index]); });
    };
    mutate_verdict(rule, change);
    mutate(name + "dropped", [&](EndpointPolicy& policy) {
      auto& rules = policy.directions[direction].rules;
      rules.erase(rules.begin() + static_cast<std::ptrdiff_t>(index));
    });
    if (!rule.any_peer) {
      change("for every peer", [](Rule& out) {
        out.any_peer = true;
        out.peers.clear();
      });
    }
    for (std::size_t i = 0; i < rule.ports.size(); ++i) mutate_range(rule.ports[i], i, change);
  }

  template <class Change>
  static void mutate_verdict(const Rule& rule, const Change& change) {
    change("verdict flipped", [](Rule& out) {
      out.verdict = out.verdict == Verdict::Deny ? Verdict::Allow : Verdict::Deny;
      out.auth_required = false;
      out.parser.clear();
    });
    if (rule.verdict == Verdict::Deny) {
      change("precedence of deny removed", [](Rule& out) { out.precedence = 0; });
    }
    if (rule.verdict == Verdict::Redirect) {
      change("redirect forgotten", [](Rule& out) {
        out.verdict = Verdict::Allow;
        out.parser.clear();
      });
      change("another parser", [](Rule& out) { out.parser += "x"; });
      change("precedence of the redirect removed",
             [](Rule& out) { out.precedence = ir::kPrecedenceAllow; });
    }
    if (rule.auth_required)
      change("authentication forgotten", [](Rule& out) { out.auth_required = false; });
  }

  template <class Change>
  static void mutate_range(const PortRange& range, std::size_t index, const Change& change) {
    const auto edit = [&](const std::string& what, int first, int last) {
      if (first < 0 || last > 0xffff || first > last) return;
      change(ir::to_string(range) + " " + what, [=](Rule& out) {
        out.ports[index].first = static_cast<std::uint16_t>(first);
        out.ports[index].last = static_cast<std::uint16_t>(last);
      });
    };
    const bool all_ports = range.first == 0 && range.last == 0xffff;
    if (!all_ports) {
      edit("begins earlier", range.first - 1, range.last);
      edit("begins later", range.first + 1, range.last);
      edit("ends earlier", range.first, range.last - 1);
      edit("ends later", range.first, range.last + 1);
      edit("moved up", range.first + 1, range.last + 1);
      edit("moved down", range.first - 1, range.last - 1);
    }
    if (range.protocol == matrix::kAnyProtocol) {
      change("TCP only", [=](Rule& out) { out.ports[index].protocol = 6; });
      return;
    }
    const auto other = static_cast<std::uint8_t>(range.protocol == 6    ? 17
                                                 : range.protocol == 17 ? 6
                                                 : range.protocol == 1  ? 58
                                                                        : 1);
    change(ir::to_string(range) + " of protocol " + std::to_string(other),
           [=](Rule& out) { out.ports[index].protocol = other; });
  }

  void mutate_direction(std::size_t direction) {
    const auto& part = policy_.directions[direction];
    const std::string name = std::string(ir::direction_name(direction)) + ": ";
    mutate(name + "default deny turned into allow",
           [&](EndpointPolicy& policy) { policy.directions[direction].enforced = !part.enforced; });
    if (!part.default_deny_origins.empty()) {
      mutate(name + "a policy of the default deny forgotten", [&](EndpointPolicy& policy) {
        policy.directions[direction].default_deny_origins.pop_back();
      });
    }
    for (std::size_t i = 0; i + 1 < part.rules.size(); ++i) {
      mutate(name + "rules " + std::to_string(part.rules[i].id) + " and " +
                 std::to_string(part.rules[i + 1].id) + " named the other way round",
             [&](EndpointPolicy& policy) {
               auto& rules = policy.directions[direction].rules;
               std::swap(rules[i].origin, rules[i + 1].origin);
             });
    }
  }

  void mutate_predicates() {
    const auto& predicates = policy_.predicates;
    for (std::size_t i = 0; i < predicates.size(); ++i) {
      const std::string name = "predicate " + predicates[i].to_string() + ": ";
      if (i + 1 < predicates.size()) {
        mutate(name + "exchanged with the next", [&](EndpointPolicy& policy) {
          std::swap(policy.predicates[i], policy.predicates[i + 1]);
        });
      }
      for (std::size_t s = 0; s < predicates[i].selectors.size(); ++s) {
        if (predicates[i].selectors.size() > 1) {
          mutate(name + "a selector forgotten", [&](EndpointPolicy& policy) {
            auto& selectors = policy.predicates[i].selectors;
            selectors.erase(selectors.begin() + static_cast<std::ptrdiff_t>(s));
          });
        }
        for (std::size_t r = 0; r < predicates[i].selectors[s].requirements.size(); ++r) {
          mutate(name + "a requirement forgotten", [&](EndpointPolicy& policy) {
            auto& requirements = policy.predicates[i].selectors[s].requirements;
            requirements.erase(requirements.begin() + static_cast<std::ptrdiff_t>(r));
          });
        }
      }
    }
  }

  const EndpointPolicy& policy_;
  std::vector<IrMutant> out_;
};

}  // namespace

std::vector<IrMutant> ir_mutants(EndpointPolicy policy) {
  // Matrix and form follow from the rules that are changed.
  policy.stage = ir::Stage::Ranked;
  for (ir::DirectionPolicy& direction : policy.directions) {
    direction.matrix.reset();
    direction.form.reset();
  }
  return Mutator(policy).run();
}

}  // namespace policyc::kernel_test
