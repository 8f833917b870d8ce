#include "compiler/ir/verify.h"

#include <algorithm>
#include <set>
#include <string_view>

#include "compiler/ir/direction_matrix.h"
#include "compiler/ir/form.h"

namespace policyc::ir {
namespace {

template <class T>
bool sorted_unique(const std::vector<T>& items) {
  return std::adjacent_find(items.begin(), items.end(),
                            [](const T& a, const T& b) { return !(a < b); }) == items.end();
}

// Sorted, and no two ranges of one protocol touch or overlap.
bool disjoint(const std::vector<matrix::PortRange>& ports) {
  return std::adjacent_find(ports.begin(), ports.end(),
                            [](const matrix::PortRange& a, const matrix::PortRange& b) {
                              return !(a < b) ||
                                     (a.protocol == b.protocol && a.last + 1U >= b.first);
                            }) == ports.end();
}

bool same_but_id(Rule a, const Rule& b) {
  a.id = b.id;
  return a == b;
}

class Verifier {
 public:
  explicit Verifier(const EndpointPolicy& policy) : policy_(policy) {}

  std::vector<Violation> run() {
    check_tables();
    for (direction_ = 0; direction_ < 2; ++direction_) {
      const DirectionPolicy& part = policy_.directions[direction_];
      for (const Rule& rule : part.rules) check_rule(rule);
      check_direction(part);
    }
    return std::move(found_);
  }

 private:
  bool reached(Stage stage) const { return policy_.stage >= stage; }

  void require(bool holds, std::uint32_t rule, std::string_view what) {
    if (!holds) found_.push_back({direction_, rule, std::string(what)});
  }

  void check_tables() {
    std::set<std::string> predicates;
    for (const policy::Predicate& predicate : policy_.predicates) {
      require(predicates.insert(predicate.serialise()).second, 0, "two predicates are the same");
    }
    std::set<std::string_view> entities;
    for (const EntityPeers& entity : policy_.entities)
      require(entities.insert(entity.name).second, 0, "an entity is defined twice");
    require(!reached(Stage::Selected) || policy_.entities.empty(), 0,
            "entities are left after expand-entities");
  }

  void check_rule(const Rule& rule) {
    require(rule.id >= 1 && rule.id <= kMaxRuleId, rule.id, "its id is out of range");
    require(ids_.insert(rule.id).second, rule.id, "its id is not unique");
    require(!rule.origin.object.empty(), rule.id, "it has no origin");
    check_verdict(rule);
    check_peers(rule);
    check_ports(rule);
  }

  void check_verdict(const Rule& rule) {
    const bool redirect = rule.verdict == Verdict::Redirect;
    require(redirect == !rule.parser.empty(), rule.id,
            "a parser belongs to a redirect, and a redirect has one");
    require(!rule.auth_required || rule.verdict != Verdict::Deny, rule.id,
            "a deny asks for no authentication");
    if (!reached(Stage::Ranked)) {
      require(rule.precedence == 0, rule.id, "it has a precedence before the pass precedence");
      require(redirect ? rule.priority >= 1 && rule.priority <= kMaxPriority : rule.priority == 0,
              rule.id, "a redirect has a priority from 1 to 126, and nothing else has one");
      return;
    }
    require(rule.priority == 0, rule.id, "it has a priority after the pass precedence");
    bool fits_verdict = false;
    switch (rule.verdict) {
      case Verdict::Allow:
        fits_verdict =
            rule.precedence == (rule.auth_required ? kPrecedenceAuthenticated : kPrecedenceAllow);
        break;
      case Verdict::Deny:
        fits_verdict = rule.precedence == kPrecedenceDeny;
        break;
      case Verdict::Redirect:
        fits_verdict =
            rule.precedence < kPrecedenceDeny && rule.precedence >= kPrecedenceDeny - kMaxPriority;
        break;
    }
    require(fits_verdict, rule.id, "its precedence does not fit its verdict");
  }

  void check_peers(const Rule& rule) {
    const auto in_range = [](const std::vector<std::uint32_t>& items, std::size_t size) {
      return std::all_of(items.begin(), items.end(),
                         [size](std::uint32_t item) { return item < size; });
    };
    require(in_range(rule.peers, policy_.predicates.size()), rule.id,
            "it names a predicate that does not exist");
    require(in_range(rule.entities, policy_.entities.size()), rule.id,
            "it names an entity that does not exist");
    require(!rule.any_peer || (rule.peers.empty() && rule.entities.empty()), rule.id,
            "it is for every peer and names some");
    require(
        !reached(Stage::Normalised) || (sorted_unique(rule.peers) && sorted_unique(rule.entities)),
        rule.id, "its peers are not sorted, or one stands twice");
    require(!reached(Stage::Selected) || rule.entities.empty(), rule.id,
            "an entity is left after expand-entities");
  }

  void check_ports(const Rule& rule) {
    for (const PortStatement& statement : rule.statements) {
      require(statement.name.empty() || statement.port == 0, rule.id,
              "a port has a name and a number");
      require(statement.name.empty() || !reached(Stage::Numbered), rule.id,
              "a port name is left after expand-named-ports");
    }
    require(!reached(Stage::Normalised) || sorted_unique(rule.statements), rule.id,
            "its port statements are not sorted, or one stands twice");
    for (const matrix::PortRange& range : rule.ports) {
      require(range.first <= range.last, rule.id, "a port range is reversed");
      require(range.protocol != matrix::kAnyProtocol || range == matrix::PortRange{}, rule.id,
              "a range of ports needs a protocol");
    }
    if (reached(Stage::Ranged)) {
      require(rule.statements.empty(), rule.id, "a port statement is left after expand-ranges");
      require(disjoint(rule.ports), rule.id, "its port ranges touch, overlap or are not sorted");
    } else {
      require(rule.ports.empty(), rule.id, "it has port ranges before expand-ranges");
    }
  }

  void check_direction(const DirectionPolicy& part) {
    require(part.enforced || (part.rules.empty() && !part.default_deny), 0,
            "a direction that is not enforced has rules or a default deny");
    require(part.default_deny || part.default_deny_origins.empty(), 0,
            "a default allow has an origin of a default deny");
    require(sorted_unique(part.named_ports), 0, "named ports are not sorted, or one stands twice");
    require(!reached(Stage::Numbered) || part.named_ports.empty(), 0,
            "named ports are left after expand-named-ports");
    check_order(part);
    if (reached(Stage::Closed) && part.enforced && !part.default_deny) {
      require(std::any_of(part.rules.begin(), part.rules.end(),
                          [](const Rule& rule) {
                            return rule.any_peer && !rule.ports.empty() &&
                                   rule.ports.front() == matrix::PortRange{};
                          }),
              0, "the default is to allow, and no rule is for every peer and port");
    }
    require(part.classes.has_value() == (policy_.stage == Stage::Classed), 0,
            "port classes belong to the stage `classed`");
    require(part.matrix.has_value() == reached(Stage::Decided), 0,
            "columns belong to the stage `decided` and those after it");
    require(part.form.has_value() == reached(Stage::Formed), 0,
            "a form belongs to the stage `formed`");
    if (found_.empty() && reached(Stage::Classed)) check_matrix(part);
  }

  void check_order(const DirectionPolicy& part) {
    for (std::size_t i = 0; i + 1 < part.rules.size(); ++i) {
      const Rule& rule = part.rules[i];
      const Rule& next = part.rules[i + 1];
      if (reached(Stage::Ranked)) {
        require(matrix::strength_key(rule.precedence, rule.ports, rule.any_peer, 0) <=
                    matrix::strength_key(next.precedence, next.ports, next.any_peer, 0),
                next.id, "it is stronger than the rule before it");
      } else if (reached(Stage::Normalised)) {
        require(rule.id < next.id, next.id, "rules are not in the order of their ids");
        require(policy_.stage != Stage::Normalised || !same_but_id(rule, next), next.id,
                "it says what the rule before it says");
      }
    }
  }

  void check_matrix(const DirectionPolicy& part) {
    if (!fits(part)) return require(false, 0, "the matrix is too large");
    const auto rules = matrix_rules(part, asked_predicates(part));
    auto classes = matrix::port_classes(rules);
    if (part.classes)
      require(*part.classes == classes, 0, "port classes are not those of the rules");
    if (!part.matrix) return;
    matrix::VerdictMatrix expected(rules, fallback_decision(part), std::move(classes));
    if (reached(Stage::Compact)) expected.merge_columns();
    require(*part.matrix == expected, 0, "columns are not those of the rules");
    if (!part.form) return;
    require((*part.form == Form::Constant) == is_constant(*part.matrix), 0,
            "the form `constant` is for one decision alone");
    require(*part.form != Form::Compares || asked_predicates(part).size() <= kMaxComparePredicates,
            0, "too many predicates for the form `compares`");
  }

  const EndpointPolicy& policy_;
  std::size_t direction_ = 0;
  std::set<std::uint32_t> ids_;
  std::vector<Violation> found_;
};

}  // namespace

std::string Violation::to_string() const {
  std::string text(direction_name(direction));
  if (rule != 0) text += " rule " + std::to_string(rule);
  return text + ": " + what;
}

std::vector<Violation> verify(const EndpointPolicy& policy) { return Verifier(policy).run(); }

}  // namespace policyc::ir
