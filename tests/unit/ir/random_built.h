#pragma once
// Random IR as the builder writes it, and the obvious evaluator of IR at any stage that passes are
// compared with.

#include <algorithm>
#include <optional>
#include <string>

#include "runtime/abi/abi.h"
#include "tests/unit/ir/sample.h"

namespace policyc::ir::testing {

class RandomBuilt {
 public:
  explicit RandomBuilt(std::uint32_t seed) : random_(seed) {}

  RandomPolicy& random() { return random_; }

  // Peers are app=0, app=1, ... `max_rules` for each direction.
  EndpointPolicy policy(std::uint32_t max_rules, std::uint32_t predicates) {
    EndpointPolicy result = random_.policy(max_rules, predicates);
    result.stage = Stage::Built;
    result.entities = {
        {"host", label("app", "0")}, {"cluster", {}}, {"all", policy::Selector{{}, "*"}}};
    result.entities[1].peers.selectors = {label("app", "1"), label("tier", "back")};
    for (DirectionPolicy& direction : result.directions) {
      if (!direction.enforced) continue;
      direction.default_deny = random_.below(4) != 0;
      if (!direction.default_deny) direction.default_deny_origins.clear();
      for (Rule& rule : direction.rules) make_symbolic(rule, direction);
      repeat_some(direction.rules);
      std::sort(direction.named_ports.begin(), direction.named_ports.end());
      direction.named_ports.erase(
          std::unique(direction.named_ports.begin(), direction.named_ports.end()),
          direction.named_ports.end());
    }
    std::uint32_t id = 1;
    for (DirectionPolicy& direction : result.directions) {
      for (Rule& rule : direction.rules) rule.id = id++;
    }
    return result;
  }

 private:
  void make_symbolic(Rule& rule, DirectionPolicy& direction) {
    rule.precedence = 0;
    rule.priority = rule.verdict == Verdict::Redirect
                        ? static_cast<std::uint8_t>(1 + random_.below(kMaxPriority))
                        : std::uint8_t{0};
    if (!rule.any_peer && random_.below(3) == 0)
      rule.entities.push_back(random_.below(6) == 0 ? 2 : random_.below(2));
    for (const matrix::PortRange& range : rule.ports)
      rule.statements.push_back(state(range, direction));
    rule.ports.clear();
  }

  PortStatement state(const matrix::PortRange& range, DirectionPolicy& direction) {
    PortStatement result{range.protocol, range.first, range.last, {}};
    if (range.first == 0 && range.last == 0xffff) return {range.protocol, 0, 0, {}};
    if (range.first == range.last)
      result.end_port = random_.below(2) == 0 ? std::uint16_t{0} : range.first;
    if (random_.below(4) != 0 || range.protocol == matrix::kAnyProtocol) return result;
    // Names without a number, and with two, come up.
    result.name = "name" + std::to_string(random_.below(3));
    result.port = 0;
    if (random_.below(3) != 0)
      direction.named_ports.push_back({range.protocol, result.name, range.first});
    return result;
  }

  // Rules of one origin that differ in one thing, and rules that stand twice.
  void repeat_some(std::vector<Rule>& rules) {
    const std::size_t count = rules.size();
    for (std::size_t i = 0; i < count; ++i) {
      if (random_.below(3) != 0) continue;
      Rule again = rules[i];
      const Rule& other = rules[random_.below(static_cast<std::uint32_t>(count))];
      switch (random_.below(3)) {
        case 0:
          again.statements = other.statements;
          break;
        case 1:
          again.any_peer = other.any_peer;
          again.peers = other.peers;
          again.entities = other.entities;
          break;
        default:
          break;
      }
      rules.push_back(std::move(again));
    }
  }

  RandomPolicy random_;
};

// POLICY_ALLOW and so on, with POLICYC_DECISION_AUDITED: what IR of any stage says of a connection,
// read off its rules alone.
class Oracle {
 public:
  explicit Oracle(const EndpointPolicy& policy) : policy_(policy) {}

  std::uint32_t verdict(std::size_t direction, const policy::LabelSet& peer, std::uint8_t protocol,
                        std::uint16_t port) const {
    const auto answer = [&](matrix::Answer which) {
      return answer_of(which, direction, peer, protocol, port);
    };
    const std::uint32_t all = answer(matrix::Answer::Audited);
    const std::uint32_t enforced = answer(matrix::Answer::Enforced);
    const bool reported = enforced == POLICY_ALLOW && (all == POLICY_DENY || all == 0);
    return reported ? all | POLICYC_DECISION_AUDITED : enforced;
  }

 private:
  std::uint32_t answer_of(matrix::Answer which, std::size_t direction, const policy::LabelSet& peer,
                          std::uint8_t protocol, std::uint16_t port) const {
    const DirectionPolicy& part = policy_.directions[direction];
    const Rule* best = nullptr;
    for (const Rule& rule : part.rules) {
      if (rule.answer != matrix::Answer::Both && rule.answer != which) continue;
      if (!matches(rule, peer) || !covers(rule, part, protocol, port)) continue;
      if (best == nullptr || strength(rule) > strength(*best)) best = &rule;
    }
    if (best == nullptr) {
      const bool open = !part.enforced || !part.default_deny;
      return open ? std::uint32_t{POLICY_ALLOW} : std::uint32_t{POLICY_DEFAULT_DENY};
    }
    if (best->verdict == Verdict::Deny) return POLICY_DENY;
    if (best->verdict == Verdict::Redirect) return POLICY_REDIRECT;
    return best->auth_required ? POLICY_AUTH_REQUIRED : POLICY_ALLOW;
  }

  static int strength(const Rule& rule) {
    if (rule.verdict == Verdict::Deny) return 255;
    if (rule.verdict == Verdict::Allow) return rule.auth_required ? 2 : 1;
    return rule.priority != 0 ? 255 - rule.priority : rule.precedence;
  }

  bool matches(const Rule& rule, const policy::LabelSet& peer) const {
    if (rule.any_peer) return true;
    return std::any_of(rule.peers.begin(), rule.peers.end(),
                       [&](auto index) { return policy_.predicates[index].matches(peer); }) ||
           std::any_of(rule.entities.begin(), rule.entities.end(),
                       [&](auto index) { return policy_.entities[index].peers.matches(peer); });
  }

  static bool covers(const Rule& rule, const DirectionPolicy& part, std::uint8_t protocol,
                     std::uint16_t port) {
    for (const matrix::PortRange& range : rule.ports) {
      if ((range.protocol == matrix::kAnyProtocol || range.protocol == protocol) &&
          port >= range.first && port <= range.last)
        return true;
    }
    for (const PortStatement& statement : rule.statements) {
      if (statement.protocol != matrix::kAnyProtocol && statement.protocol != protocol) continue;
      const auto first = first_port(statement, part);
      if (!first) continue;
      const std::uint16_t last = std::max(*first, statement.end_port);
      if ((*first == 0 && last == 0) || (port >= *first && port <= last)) return true;
    }
    return false;
  }

  static std::optional<std::uint16_t> first_port(const PortStatement& statement,
                                                 const DirectionPolicy& part) {
    if (statement.name.empty()) return statement.port;
    std::vector<std::uint16_t> numbers;
    for (const NamedPort& known : part.named_ports) {
      if (known.name == statement.name && known.protocol == statement.protocol)
        numbers.push_back(known.number);
    }
    if (numbers.size() != 1) return std::nullopt;
    return numbers.front();
  }

  const EndpointPolicy& policy_;
};

}  // namespace policyc::ir::testing
