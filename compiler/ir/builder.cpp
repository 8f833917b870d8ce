#include "compiler/ir/builder.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
#include <set>

#include "compiler/ir/conflicts.h"
#include "compiler/ir/implication.h"
#include "compiler/ir/listeners.h"
#include "compiler/policy/entities.h"

namespace policyc::ir {
namespace {

using policy::Direction;
using policy::Entry;
using policy::EntryPorts;
using policy::Parser;
using policy::PortSpec;
using policy::Protocol;

constexpr std::string_view kHostKey = "host";
constexpr std::string_view kInitKey = "init";
constexpr std::string_view kOnlyAuditedDeny = "only policies in audit mode deny by default";

struct Redirect {
  std::uint8_t priority;
  std::string parser;
};

// Spec section 6.3; a listener may have its own priority.
std::optional<Redirect> redirect_of(const EntryPorts& ports, Protocol protocol) {
  const std::uint8_t priority = policy::parser_priority(ports.parser);
  switch (ports.parser) {
    case Parser::None:
      return std::nullopt;
    case Parser::Http:
    case Parser::Kafka:
    case Parser::Generic:
      if (protocol != Protocol::Tcp) return std::nullopt;
      return Redirect{priority, ports.parser == Parser::Generic
                                    ? ports.generic_parser
                                    : std::string(policy::parser_name(ports.parser))};
    case Parser::Tls:
    case Parser::Dns:
      return Redirect{priority, std::string(policy::parser_name(ports.parser))};
    case Parser::Crd: {
      const std::uint8_t own = ports.listener ? ports.listener->priority : std::uint8_t{0};
      return Redirect{own == 0 ? priority : own, "crd"};
    }
  }
  return std::nullopt;
}

class Builder {
 public:
  Builder(const BuildInput& input, const Subject& subject, const BuildOptions& options,
          diag::Engine& diagnostics)
      : input_(input), subject_(subject), options_(options), diagnostics_(diagnostics) {}

  EndpointPolicy run() {
    policy_.subject = subject_.name;
    policy_.stage = Stage::Built;
    for (const Direction direction : {Direction::Ingress, Direction::Egress})
      build_direction(direction);
    return std::move(policy_);
  }

 private:
  bool subject_has_key(std::string_view key) const {
    return subject_.labels != nullptr && subject_.labels->has_key(key);
  }

  // Spec section 6.2, steps 1 to 5.
  void build_direction(Direction direction) {
    auto& out = policy_.directions[static_cast<std::size_t>(direction)];
    const policy::Options& agent = options_.agent;
    // Cilium looks for the key of any source (upstream #48027), so a pod label `host` or `init`
    // counts too.
    const bool is_host = subject_has_key(kHostKey) || subject_.kind == policy::EndpointKind::Host;
    if (is_host && !agent.host_firewall) return;
    if (agent.enforcement == policy::Enforcement::Never) return;
    std::vector<const Entry*> entries;
    const auto take = [&](const Entry& entry) {
      if (entry.direction == direction && applies(entry, subject_)) entries.push_back(&entry);
    };
    if (input_.candidates != nullptr) {
      for (const Entry* entry : *input_.candidates) take(*entry);
    } else {
      for (const Entry& entry : input_.resolved.entries) take(entry);
    }
    const bool always =
        agent.enforcement == policy::Enforcement::Always || subject_has_key(kInitKey);
    out.enforced = always || !entries.empty();
    if (!out.enforced) return;
    out.default_deny = always;
    std::set<std::string> seen;
    std::vector<const Entry*> enforced;  // those of policies that are not in audit mode
    std::copy_if(entries.begin(), entries.end(), std::back_inserter(enforced),
                 [](const Entry* entry) { return !entry->audited; });
    const auto denies = [](const Entry* entry) { return entry->default_deny; };
    const bool enforced_deny = always || std::any_of(enforced.begin(), enforced.end(), denies);
    for (const Entry* entry : enforced_deny ? enforced : entries) {
      if (!entry->default_deny) continue;
      out.default_deny = true;
      if (seen.insert(entry->origin.object()).second)
        out.default_deny_origins.push_back(origin_of(entry->origin));
    }
    if (enforced.size() == entries.size()) {
      Reading reading = read(entries);
      for (const Entry* entry : entries)
        add_rules(out, rules_of(*entry, reading, out), matrix::Answer::Both);
    } else {
      add_both_answers(entries, enforced, out);
    }
    std::sort(out.named_ports.begin(), out.named_ports.end());
    out.named_ports.erase(std::unique(out.named_ports.begin(), out.named_ports.end()),
                          out.named_ports.end());
    if (direction == Direction::Ingress && agent.allow_localhost &&
        subject_.kind != policy::EndpointKind::Host) {
      Rule rule;
      rule.precedence = 0;
      rule.entities = {entity(kHostKey)};
      rule.statements = {{}};
      rule.origin.object = "agent option allow-localhost";
      add_rule(out, std::move(rule));
    }
    if (out.default_deny && !enforced_deny) {
      Rule rule;
      rule.answer = matrix::Answer::Enforced;
      rule.precedence = 0;
      rule.any_peer = true;
      rule.statements = {{}};
      rule.origin.object = kOnlyAuditedDeny;
      add_rule(out, std::move(rule));
    }
  }

  // What entries mean together: statements of one selector and port are one filter.
  struct Reading {
    std::map<std::pair<Protocol, std::string>, std::uint16_t> named_end_ports;
    std::set<FilterKey> unrealised;
  };

  Reading read(const std::vector<const Entry*>& entries) {
    check_conflicts(entries, diagnostics_);
    Reading reading;
    if (!options_.without_l7)
      reading.unrealised = unrealised_filters(entries, input_.cluster, subject_.namespace_);
    return reading;
  }

  // Policies in audit mode must not change what the others mean, so those are read with and without
  // them. Mostly it is the same.
  void add_both_answers(const std::vector<const Entry*>& entries,
                        const std::vector<const Entry*>& enforced, DirectionPolicy& out) {
    Reading together = read(entries);
    Reading alone = read(enforced);
    for (const Entry* entry : entries) {
      std::vector<Rule> rules = rules_of(*entry, together, out);
      std::vector<Rule> without;
      if (!entry->audited) without = rules_of(*entry, alone, out);
      if (rules == without) {
        add_rules(out, std::move(rules), matrix::Answer::Both);
      } else {
        add_rules(out, std::move(rules), matrix::Answer::Audited);
        add_rules(out, std::move(without), matrix::Answer::Enforced);
      }
    }
  }

  void add_rules(DirectionPolicy& out, std::vector<Rule> rules, matrix::Answer answer) {
    for (Rule& rule : rules) {
      rule.answer = answer;
      add_rule(out, std::move(rule));
    }
  }

  Origin origin_of(const policy::Origin& origin) const { return origin_at(origin, origin.node); }

  Origin origin_at(const policy::Origin& origin, source::NodeId node) const {
    Origin result{origin.object(), origin.path, {}, 0};
    if (node.valid()) {
      const source::Range& range = input_.sources.range(node);
      result.file = input_.sources.name(range.file);
      result.line = range.begin.line;
    }
    return result;
  }

  // Without ids; notes beside the rules of `out` what port names stand for.
  std::vector<Rule> rules_of(const Entry& entry, Reading& reading, DirectionPolicy& out) {
    if (entry.l3 == policy::L3::Nothing) return {};
    Rule base;
    base.verdict = entry.deny ? Verdict::Deny : Verdict::Allow;
    base.precedence = 0;
    base.auth_required = !entry.deny && entry.auth && *entry.auth != policy::AuthType::Disabled;
    base.origin = origin_of(entry.origin);
    set_peers(entry, nullptr, reading, base);
    std::vector<Rule> rules;
    if (!entry.has_l4) {
      if (entry.l3 != policy::L3::Selectors) return {};
      base.statements = {{}};
      rules.push_back(std::move(base));
      return rules;
    }
    for (const EntryPorts& ports : entry.l4) add_ports(entry, base, ports, reading, out, rules);
    return rules;
  }

  // The entry's peers; with a port only those whose filter on it is realised.
  void set_peers(const Entry& entry, const PortSpec* port, const Reading& reading, Rule& rule) {
    const auto realised = [&](const std::string& text) {
      return port == nullptr || entry.deny || !reading.unrealised.contains(filter_key(*port, text));
    };
    const policy::Selector wildcard = policy::wildcard_selector();
    rule.peers.clear();
    rule.any_peer = entry.l3 == policy::L3::Empty;
    for (const policy::Selector& peer : entry.peers) {
      if (peer.matches_everything()) rule.any_peer = true;
    }
    if (rule.any_peer) {
      rule.any_peer = realised(wildcard.text);
      return;
    }
    for (const policy::Selector& peer : entry.peers) {
      if (realised(peer.text)) rule.peers.push_back(predicate(peer));
    }
    std::sort(rule.peers.begin(), rule.peers.end());
    rule.peers.erase(std::unique(rule.peers.begin(), rule.peers.end()), rule.peers.end());
  }

  // One rule for each kind of redirect, and each set of peers, that the element's ports have.
  void add_ports(const Entry& entry, const Rule& base, const EntryPorts& ports, Reading& reading,
                 DirectionPolicy& out, std::vector<Rule>& added) {
    std::map<std::pair<std::string, std::vector<std::uint32_t>>, Rule> rules;
    for (const PortSpec& port : ports.ports) {
      if (ports.listener_needs_namespace && subject_.namespace_.empty()) report_listener(ports);
      PortStatement stated = statement(entry, port, reading, out);
      Rule rule = base;
      if (ports.node.valid()) rule.origin.line = origin_at(entry.origin, ports.node).line;
      const auto redirect = entry.deny ? std::nullopt : redirect_of(ports, port.protocol);
      if (redirect && !options_.without_l7) {
        rule.verdict = Verdict::Redirect;
        rule.priority = redirect->priority;
        rule.parser = redirect->parser;
      }
      if (!reading.unrealised.empty()) set_peers(entry, &port, reading, rule);
      if (!rule.any_peer && rule.peers.empty()) continue;  // nothing of it is realised
      rules.try_emplace({rule.parser, rule.peers}, rule)
          .first->second.statements.push_back(std::move(stated));
    }
    for (auto& [key, rule] : rules) added.push_back(std::move(rule));
  }

  // Spec section 2.9.
  void report_listener(const EntryPorts& ports) {
    if (already_reported(diagnostics_, diag::Id::ListenerNeedsNamespace, ports.node)) return;
    diagnostics_
        .report(diag::Id::ListenerNeedsNamespace, ports.node,
                "a listener of a CiliumEnvoyConfig is looked up in the namespace of `" +
                    subject_.name + "`, which has none")
        .help =
        "write `kind: CiliumClusterwideEnvoyConfig`, or select the endpoints of a namespace";
  }

  // The statement as written; what its port name stands for is noted beside the rules.
  PortStatement statement(const Entry& entry, const PortSpec& port, Reading& reading,
                          DirectionPolicy& out) {
    PortStatement stated{static_cast<std::uint8_t>(port.protocol), port.port, port.end_port,
                         port.name};
    if (port.name.empty()) return stated;
    // One filter holds all statements of a name and protocol; the first one's endPort counts for
    // all (spec section 3.3, 2).
    const auto [known, first] =
        reading.named_end_ports.try_emplace({port.protocol, port.name}, port.end_port);
    stated.end_port = known->second;
    if (!first && input_.has_inventory) return stated;
    if (const auto number = named_port(entry, port))
      out.named_ports.push_back({stated.protocol, port.name, *number});
    return stated;
  }

  // Spec section 6.5: ingress names are the subject's own; egress names are those of all pods, and
  // a name with two numbers resolves to nothing.
  std::optional<std::uint16_t> named_port(const Entry& entry, const PortSpec& port) {
    const std::string_view protocol = policy::protocol_name(port.protocol);
    std::set<std::uint16_t> numbers;
    const auto collect = [&](const std::vector<policy::NamedPort>& ports) {
      for (const auto& candidate : ports) {
        if (candidate.name == port.name && candidate.protocol == protocol)
          numbers.insert(candidate.port);
      }
    };
    if (!input_.has_inventory) {
      if (already_reported(diagnostics_, diag::Id::NamedPortNeedsInventory, port.node))
        return std::nullopt;
      diagnostics_
          .report(diag::Id::NamedPortNeedsInventory, port.node,
                  "port name `" + port.name + "` has no number without an inventory")
          .help = "give the Pods with `--endpoints FILE|DIR`, or write the number";
      return std::nullopt;
    }
    if (entry.direction == Direction::Ingress) {
      if (subject_.ports != nullptr) collect(*subject_.ports);
    } else {
      for (const auto& endpoint : input_.cluster.endpoints) collect(endpoint.ports);
    }
    if (numbers.size() != 1) return std::nullopt;
    return *numbers.begin();
  }

  // Kept in the form that the text form knows: sorted requirements, the serialised text.
  std::uint32_t predicate(const policy::Selector& selector) {
    const auto [found, inserted] = predicate_ids_.try_emplace(
        selector.serialise(), static_cast<std::uint32_t>(policy_.predicates.size()));
    if (inserted) policy_.predicates.emplace_back(canonical(selector, found->first));
    return found->second;
  }

  static policy::Selector canonical(policy::Selector selector, const std::string& text) {
    auto& requirements = selector.requirements;
    std::sort(requirements.begin(), requirements.end());
    requirements.erase(std::unique(requirements.begin(), requirements.end()), requirements.end());
    selector.text = text;
    return selector;
  }

  // An entity stays a symbol; the table says what it stands for.
  std::uint32_t entity(std::string_view name) {
    for (std::uint32_t i = 0; i < policy_.entities.size(); ++i) {
      if (policy_.entities[i].name == name) return i;
    }
    policy::Predicate peers;
    for (const policy::Selector& selector : policy::entity_selectors(name, options_.agent))
      peers.selectors.push_back(canonical(selector, selector.serialise()));
    policy_.entities.push_back({std::string(name), std::move(peers)});
    return static_cast<std::uint32_t>(policy_.entities.size() - 1);
  }

  void add_rule(DirectionPolicy& out, Rule rule) {
    rule.id = next_rule_id_++;
    out.rules.push_back(std::move(rule));
  }

  const BuildInput& input_;
  const Subject& subject_;
  const BuildOptions& options_;
  diag::Engine& diagnostics_;
  EndpointPolicy policy_;
  std::map<std::string, std::uint32_t> predicate_ids_;
  std::uint32_t next_rule_id_ = 1;
};

}  // namespace

bool applies(const Entry& entry, const Subject& subject) {
  if (entry.subject_is_node != (subject.kind == policy::EndpointKind::Host)) return false;
  if (!entry.policy_namespace.empty() && entry.policy_namespace != subject.namespace_) return false;
  if (subject.labels != nullptr) return entry.subject.matches(*subject.labels);
  return implies(*subject.selector, entry.subject);
}

EndpointPolicy build(const BuildInput& input, const Subject& subject, const BuildOptions& options,
                     diag::Engine& diagnostics) {
  return Builder(input, subject, options, diagnostics).run();
}

std::vector<Subject> distinct_subjects(const policy::Resolved& resolved) {
  std::vector<Subject> subjects;
  std::set<std::pair<std::string, bool>> seen;
  for (const Entry& entry : resolved.entries) {
    if (!seen.emplace(entry.subject.text, entry.subject_is_node).second) continue;
    Subject subject;
    subject.name = entry.subject.to_string();
    subject.selector = &entry.subject;
    subject.namespace_ = entry.policy_namespace;
    subject.kind = entry.subject_is_node ? policy::EndpointKind::Host : policy::EndpointKind::Pod;
    subjects.push_back(std::move(subject));
  }
  return subjects;
}

}  // namespace policyc::ir
