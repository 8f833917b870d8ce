#include "tests/kernel/verify/equivalent.h"

#include <algorithm>
#include <map>
#include <set>

#include "compiler/ir/shape.h"
#include "compiler/policy/address_book.h"
#include "runtime/abi/abi.h"

namespace policyc::kernel_test {
namespace {

using policy::Label;
using policy::LabelSet;

constexpr std::string_view kReserved[] = {"host",    "remote-node", "kube-apiserver", "health",
                                          "ingress", "init",        "unmanaged"};

constexpr std::uint8_t kProtocols[] = {1, 2, 6, 17, 47, 58, 112, 132};

LabelSet with(LabelSet labels, std::string_view source, const std::string& key,
              const std::string& value) {
  labels.add(Label{std::string(source), key, value});
  return labels;
}

class Universe {
 public:
  Universe(const verify::Model& model, const ir::EndpointPolicy& a, const ir::EndpointPolicy& b) {
    for (const ir::EndpointPolicy* policy : {&a, &b}) collect(*policy);
    values_[std::string(policy::kPodNamespaceKey)].insert("other");
    values_[std::string(policy::kClusterKey)].insert("other");
    pods({}, values_.begin());
    const policy::AddressBook book(model.cluster, model.resolved, model.agent);
    for (const std::string_view name : kReserved)
      peers_.push_back(book.entity_labels(std::string(name)));
    for (const bool v6 : {false, true}) {
      const LabelSet world = book.world_labels(v6);
      peers_.push_back(with(world, "reserved", "kube-apiserver", ""));
      answers(world, names_.begin());
    }
    for (const auto& prefix : model.resolved.prefixes) {
      peers_.push_back(book.address_labels(prefix.prefix.address));
      answers(peers_.back(), names_.begin());
    }
  }

  const std::vector<LabelSet>& peers() const { return peers_; }

 private:
  void collect(const ir::EndpointPolicy& policy) {
    for (const auto& predicate : policy.predicates) {
      for (const auto& selector : predicate.selectors) {
        for (const auto& requirement : selector.requirements) {
          if (requirement.source == "fqdn") names_.insert(requirement.key);
          if (requirement.source != "any" && requirement.source != "k8s") continue;
          auto& values = values_[requirement.key];
          values.insert(requirement.values.begin(), requirement.values.end());
          values.insert("other");
        }
      }
    }
  }

  void pods(const LabelSet& labels, std::map<std::string, std::set<std::string>>::iterator next) {
    if (next == values_.end()) {
      peers_.push_back(labels);
      return;
    }
    const auto& [key, values] = *next;
    const auto after = std::next(next);
    if (key != policy::kPodNamespaceKey && key != policy::kClusterKey) pods(labels, after);
    for (const std::string& value : values) pods(with(labels, "k8s", key, value), after);
  }

  void answers(const LabelSet& labels, std::set<std::string>::iterator next) {
    if (next == names_.end()) {
      peers_.push_back(labels);
      return;
    }
    const auto after = std::next(next);
    answers(labels, after);
    answers(with(labels, "fqdn", *next, ""), after);
  }

  std::map<std::string, std::set<std::string>> values_;
  std::set<std::string> names_;
  std::vector<LabelSet> peers_;
};

std::set<std::pair<std::uint8_t, std::uint16_t>> ports_of(const ir::EndpointPolicy& a,
                                                          const ir::EndpointPolicy& b,
                                                          std::size_t direction) {
  std::set<std::pair<std::uint8_t, std::uint16_t>> out;
  for (const ir::EndpointPolicy* policy : {&a, &b}) {
    std::set<int> edges{0, 0xffff};
    for (const ir::Rule& rule : policy->directions[direction].rules) {
      for (const auto& range : rule.ports) {
        for (const int edge : {range.first - 1, +range.first, +range.last, range.last + 1})
          edges.insert(std::clamp(edge, 0, 0xffff));
      }
    }
    for (const std::uint8_t protocol : kProtocols) {
      for (const int edge : edges) out.emplace(protocol, static_cast<std::uint16_t>(edge));
    }
  }
  return out;
}

bool applies(const ir::EndpointPolicy& policy, const ir::Rule& rule, const LabelSet& peer,
             std::uint8_t protocol, std::uint16_t port) {
  const bool names_peer =
      rule.any_peer || std::any_of(rule.peers.begin(), rule.peers.end(), [&](auto index) {
        return policy.predicates[index].matches(peer);
      });
  return names_peer && std::any_of(rule.ports.begin(), rule.ports.end(), [&](const auto& range) {
           return (range.protocol == matrix::kAnyProtocol || range.protocol == protocol) &&
                  range.first <= port && port <= range.last;
         });
}

// What a rule of the mutant says, by a rule of the original with the same origin.
bool original_says_so(const ir::EndpointPolicy& original, std::size_t direction,
                      const ir::Rule& named, const LabelSet& peer, std::uint8_t protocol,
                      std::uint16_t port) {
  const auto& rules = original.directions[direction].rules;
  return std::any_of(rules.begin(), rules.end(), [&](const ir::Rule& rule) {
    return rule.origin == named.origin && rule.verdict == named.verdict &&
           rule.parser == named.parser && rule.auth_required == named.auth_required &&
           applies(original, rule, peer, protocol, port);
  });
}

}  // namespace

bool is_equivalent(const verify::Model& model, const ir::EndpointPolicy& original,
                   const ir::EndpointPolicy& mutant) {
  const ir::Shape right = ir::make_shape(original);
  const ir::Shape wrong = ir::make_shape(mutant);
  const Universe universe(model, original, mutant);
  for (std::size_t direction = 0; direction < 2; ++direction) {
    const bool same_deniers = original.directions[direction].default_deny_origins ==
                              mutant.directions[direction].default_deny_origins;
    for (const auto& [protocol, port] : ports_of(original, mutant, direction)) {
      for (const LabelSet& peer : universe.peers()) {
        const std::uint32_t a = right.decide(direction, peer, protocol, port);
        const std::uint32_t b = wrong.decide(direction, peer, protocol, port);
        if (POLICYC_DECISION_VERDICT(a) != POLICYC_DECISION_VERDICT(b)) return false;
        const ir::Rule* named = wrong.find_rule(direction, POLICYC_DECISION_RULE(b));
        if (named == nullptr) {
          if (right.find_rule(direction, POLICYC_DECISION_RULE(a)) != nullptr || !same_deniers)
            return false;
        } else if (!original_says_so(original, direction, *named, peer, protocol, port)) {
          return false;
        }
      }
    }
  }
  return true;
}

}  // namespace policyc::kernel_test
