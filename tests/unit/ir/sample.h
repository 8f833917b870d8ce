#pragma once
// Entries, policies and shapes for tests, made by hand or at random.

#include <cstdint>
#include <initializer_list>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "compiler/ir/builder.h"
#include "compiler/ir/shape.h"
#include "compiler/passes/pass.h"

namespace policyc::ir::testing {

using policy::Direction;

inline constexpr std::uint8_t kTcp = 6;
inline constexpr std::uint8_t kUdp = 17;

inline policy::LabelSet labels(std::initializer_list<std::pair<const char*, const char*>> pairs) {
  policy::LabelSet set;
  for (const auto& [key, value] : pairs) set.add({"k8s", key, value});
  return set;
}

inline policy::LabelSet reserved(const std::string& name) {
  policy::LabelSet set;
  set.add({"reserved", name, ""});
  return set;
}

inline policy::Selector label(const std::string& key, const std::string& value) {
  return {{{"any", key, policy::Operator::In, {value}}}, key + "=" + value};
}

inline policy::PortSpec port(policy::Protocol protocol, std::uint16_t first,
                             std::uint16_t end = 0) {
  policy::PortSpec spec;
  spec.protocol = protocol;
  spec.port = first;
  spec.end_port = end;
  return spec;
}

inline policy::PortSpec named(policy::Protocol protocol, const std::string& name) {
  policy::PortSpec spec;
  spec.protocol = protocol;
  spec.name = name;
  return spec;
}

// What build() is asked with. Node n stands at line n + 1 of policy.yaml.
class World {
 public:
  World() {
    const auto file = sources.add_file("policy.yaml", std::string(100, '\n'));
    for (std::uint32_t line = 1; line <= 90; ++line)
      (void)sources.add_node({file, {line, 3}, {line, 9}});
  }

  // An ingress allow of policy ns/web for the subject app=web, default deny, without peers and
  // ports.
  policy::Entry& add(Direction direction = Direction::Ingress, bool deny = false) {
    policy::Entry entry;
    entry.direction = direction;
    entry.deny = deny;
    entry.default_deny = true;
    entry.subject = label("app", "web");
    entry.policy_namespace = "ns";
    entry.origin.namespace_ = "ns";
    entry.origin.name = "web";
    entry.origin.path = "spec.item[" + std::to_string(resolved.entries.size()) + "]";
    entry.origin.node = source::NodeId{static_cast<std::uint32_t>(10 + resolved.entries.size())};
    resolved.entries.push_back(std::move(entry));
    return resolved.entries.back();
  }

  policy::Entry& add(Direction direction, bool deny, std::vector<policy::Selector> peers,
                     std::vector<policy::PortSpec> ports) {
    policy::Entry& entry = add(direction, deny);
    if (!peers.empty()) {
      entry.l3 = policy::L3::Selectors;
      entry.peers = std::move(peers);
    }
    if (!ports.empty()) {
      entry.has_l4 = true;
      entry.l4.emplace_back();
      for (policy::PortSpec& spec : ports) {
        if (!spec.node.valid())
          spec.node = source::NodeId{static_cast<std::uint32_t>(50 + resolved.entries.size())};
      }
      entry.l4.back().ports = std::move(ports);
    }
    return entry;
  }

  // Of the endpoint ns/web-1 with the label app=web.
  EndpointPolicy build() {
    Subject subject;
    subject.name = "ns/web-1";
    subject.labels = &subject_labels;
    subject.namespace_ = "ns";
    subject.ports = &subject_ports;
    return build(subject);
  }
  // After the passes that make rules of what build() wrote; rules in the order of their ids.
  EndpointPolicy build(const Subject& subject) {
    EndpointPolicy policy = build_only(subject);
    passes::Report report;
    passes::Options until;
    until.until = Stage::Ranked;
    until.disabled = {"merge"};
    EXPECT_EQ(passes::run(policy, report, until), passes::Outcome::Done);
    for (DirectionPolicy& direction : policy.directions) {
      std::erase_if(direction.rules, [](const Rule& rule) { return rule.ports.empty(); });
      std::sort(direction.rules.begin(), direction.rules.end(),
                [](const Rule& a, const Rule& b) { return a.id < b.id; });
    }
    return policy;
  }
  EndpointPolicy build_only(const Subject& subject) {
    return ir::build({resolved, cluster, has_inventory, sources}, subject, options, diagnostics);
  }

  source::SourceMap sources;
  policy::Resolved resolved;
  policy::Cluster cluster;
  diag::Engine diagnostics;
  BuildOptions options;
  bool has_inventory = true;
  policy::LabelSet subject_labels = labels({{"app", "web"}});
  std::vector<policy::NamedPort> subject_ports;
};

// Random normalised policies whose predicates are app=0, app=1, ... Every form of shape comes up.
class RandomPolicy {
 public:
  explicit RandomPolicy(std::uint32_t seed) : random_(seed) {}

  std::uint32_t below(std::uint32_t limit) {
    return std::uniform_int_distribution<std::uint32_t>(0, limit - 1)(random_);
  }

  std::uint16_t port() {
    static constexpr std::uint16_t kEdges[] = {0,   1,   8,   53,   80,    128,
                                               255, 256, 443, 8080, 65534, 65535};
    return below(3) != 0 ? kEdges[below(std::size(kEdges))]
                         : static_cast<std::uint16_t>(below(65536));
  }

  matrix::PortRange range() {
    static constexpr std::uint8_t kProtocols[] = {1, 6, 6, 6, 17, 17, 58, 132};
    if (below(8) == 0) return {};
    const std::uint8_t protocol = kProtocols[below(std::size(kProtocols))];
    if (below(8) == 0) return {protocol, 0, 0xffff};
    std::uint16_t first = port();
    std::uint16_t last = below(2) == 0 ? first : port();
    if (last < first) std::swap(first, last);
    return {protocol, first, last};
  }

  Rule rule(std::uint32_t id, std::uint32_t predicates) {
    Rule result;
    result.id = id;
    switch (below(6)) {
      case 0:
        result.verdict = Verdict::Deny;
        result.precedence = kPrecedenceDeny;
        break;
      case 1:
        result.verdict = Verdict::Redirect;
        result.precedence = 154;
        result.parser = "http";
        break;
      case 2:
        result.auth_required = true;
        break;
      default:
        break;
    }
    result.any_peer = below(4) == 0;
    if (!result.any_peer) {
      for (std::uint32_t i = 0; i <= below(3); ++i) result.peers.push_back(below(predicates));
      std::sort(result.peers.begin(), result.peers.end());
      result.peers.erase(std::unique(result.peers.begin(), result.peers.end()), result.peers.end());
    }
    for (std::uint32_t i = 0; i <= below(3); ++i) result.ports.push_back(range());
    result.origin = {"CiliumNetworkPolicy/ns/p" + std::to_string(id), "spec.ingress[0]", "p.yaml",
                     id};
    return result;
  }

  // `max_rules` for each direction.
  EndpointPolicy policy(std::uint32_t max_rules, std::uint32_t predicates) {
    EndpointPolicy result;
    result.subject = "random";
    for (std::uint32_t i = 0; i < predicates; ++i)
      result.predicates.push_back(label("app", std::to_string(i)));
    std::uint32_t id = 1;
    for (DirectionPolicy& direction : result.directions) {
      direction.enforced = below(8) != 0;
      if (!direction.enforced) continue;
      direction.default_deny = true;
      direction.default_deny_origins = {
          {"CiliumNetworkPolicy/ns/p1", "spec.ingress[0]", "p.yaml", 1}};
      for (std::uint32_t i = below(max_rules + 1); i > 0; --i)
        direction.rules.push_back(rule(id++, predicates));
    }
    if (below(4) == 0) put_in_audit_mode(result);
    return result;
  }

  // Some rules in one of the two answers alone.
  void put_in_audit_mode(EndpointPolicy& policy) {
    for (DirectionPolicy& direction : policy.directions) {
      for (Rule& rule : direction.rules) {
        const std::uint32_t kind = below(4);
        if (kind < 2) rule.answer = kind == 0 ? matrix::Answer::Audited : matrix::Answer::Enforced;
      }
    }
  }

 private:
  std::mt19937 random_;
};

}  // namespace policyc::ir::testing
