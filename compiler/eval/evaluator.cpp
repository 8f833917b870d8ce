#include <algorithm>
#include <array>
#include <tuple>
#include <unordered_map>

#include "compiler/eval/enforcement.h"
#include "compiler/eval/eval.h"
#include "compiler/eval/filters.h"
#include "compiler/eval/l7_check.h"
#include "compiler/eval/peer_table.h"
#include "compiler/eval/verdict.h"
#include "compiler/policy/entities.h"

namespace policyc::eval {

using policy::Direction;
using policy::Entry;

namespace {

// Which policies are asked: those in audit mode are no part of what is enforced.
enum class Asked : std::uint8_t { All, Enforced };

bool allows(const FlowResult& result) {
  const bool authenticated = !result.auth.empty() && result.auth != "disabled";
  return result.verdict == Verdict::Allow && !authenticated;
}

struct DirectionPolicy {
  bool enforced = false;
  bool denies_by_default = false;
  std::vector<const Entry*> default_deny;  // entries that deny by default
  Filters filters;
};

struct SubjectPolicy {
  bool computed = false;
  bool is_local_host = false;
  std::array<DirectionPolicy, 2> directions;  // ingress, egress
};

// Added when policies apply but none of them denies by default (spec section 6.2).
Entry allow_everything(Direction direction, const policy::Selector& wildcard) {
  Entry entry;
  entry.direction = direction;
  entry.l3 = policy::L3::Selectors;
  entry.peers = {wildcard};
  return entry;
}

}  // namespace

struct Evaluator::Impl {
  Impl(const policy::Cluster& cluster_in, const policy::Resolved& resolved,
       const policy::Options& options_in)
      : cluster(cluster_in),
        options(options_in),
        peers(cluster_in, resolved, options_in),
        pod_ports(named_ports_of_pods(cluster_in)),
        wildcard(policy::wildcard_selector()),
        host_selector(policy::reserved_selector("host")),
        synthetic{allow_everything(Direction::Ingress, wildcard),
                  allow_everything(Direction::Egress, wildcard)} {
    host_labels = peers.book().entity_labels("host");
    for (const Entry& entry : resolved.entries) {
      entries[0].push_back(&entry);
      if (!entry.audited) {
        entries[1].push_back(&entry);
      }
    }
    for (std::size_t i = 0; i < cluster.endpoints.size(); ++i) {
      endpoint_index.emplace(cluster.endpoints[i].full_name(), i);
    }
    for (auto& of_asked : subjects) {
      of_asked.resize(cluster.endpoints.size());
    }
  }

  const SubjectPolicy& policy_of(std::size_t index, Asked asked) {
    SubjectPolicy& out = subjects[static_cast<std::size_t>(asked)][index];
    if (!out.computed) {
      out = compute(cluster.endpoints[index], asked);
      out.computed = true;
    }
    return out;
  }

  SubjectPolicy compute(const policy::Endpoint& endpoint, Asked asked) {
    SubjectPolicy out;
    Subject subject;
    subject.labels = peers.book().subject_labels(endpoint);
    subject.is_local_host = endpoint.kind == policy::EndpointKind::Host;
    if (const policy::Label* label = subject.labels.find_key(policy::kPodNamespaceKey)) {
      subject.namespace_ = label->value;
    }
    out.is_local_host = subject.is_local_host;
    for (const Direction direction : {Direction::Ingress, Direction::Egress}) {
      out.directions[static_cast<std::size_t>(direction)] =
          compute(endpoint, subject, direction, asked);
    }
    return out;
  }

  DirectionPolicy compute(const policy::Endpoint& endpoint, const Subject& subject,
                          Direction direction, Asked asked) {
    DirectionPolicy out;
    Enforcement enforcement =
        select_entries(entries[static_cast<std::size_t>(asked)], subject, direction, options);
    out.enforced = enforcement.enforced;
    out.denies_by_default = enforcement.default_deny;
    FilterContext context;
    context.direction = direction;
    context.relax_l7 = !enforcement.default_deny;
    context.wildcard_host_l7 =
        options.allow_localhost && direction == Direction::Ingress && !subject.is_local_host;
    context.host_labels = &host_labels;
    context.host_selector = &host_selector;
    context.wildcard = &wildcard;
    context.subject_namespace = subject.namespace_;
    for (const Entry* entry : enforcement.entries) {
      if (entry->default_deny) {
        out.default_deny.push_back(entry);
      }
    }
    if (!enforcement.entries.empty() && !enforcement.default_deny) {
      enforcement.entries.push_back(&synthetic[static_cast<std::size_t>(direction)]);
    }
    out.filters = build_filters(enforcement.entries, context);
    for (Filter& filter : out.filters.filters) {
      filter.ports = resolve_port(filter.spec, direction, endpoint, pod_ports);
    }
    return out;
  }

  bool listener_exists(const PeerPolicy& peer) const {
    return cluster.listeners.contains(peer.listener);
  }

  // A redirect to a listener that does not exist (yet) allows nothing.
  bool applies(const PeerPolicy& peer, PeerTable::PeerId id) {
    return (peer.listener.empty() || listener_exists(peer)) && peers.matches(*peer.selector, id);
  }

  std::vector<Match> matches_of(const Flow& flow, const SubjectPolicy& subject,
                                const DirectionPolicy& direction, PeerTable::PeerId peer_id) {
    std::vector<Match> matches;
    for (const Filter& filter : direction.filters.filters) {
      if (!filter.ports || !filter.ports->covers(flow.protocol, flow.port)) {
        continue;
      }
      for (const PeerPolicy& peer : filter.peers) {
        if (applies(peer, peer_id)) {
          matches.push_back({&filter, &peer, !(*peer.selector == wildcard),
                             filter.ports->key_length(flow.port), precedence_of(peer)});
        }
      }
    }
    if (options.allow_localhost && flow.direction == Direction::Ingress && !subject.is_local_host &&
        peers.is_local_host(peer_id)) {
      matches.push_back(Match{});
    }
    return matches;
  }

  // What Envoy knows of a peer and port. Rules for a listener count only on that listener; while it
  // does not exist, Envoy has them without one.
  std::vector<const PeerPolicy*> envoy_alternatives(const Flow& flow,
                                                    const DirectionPolicy& direction,
                                                    PeerTable::PeerId peer_id) {
    std::vector<const PeerPolicy*> out;
    for (const Filter& filter : direction.filters.filters) {
      if (!filter.ports || !filter.ports->covers(flow.protocol, flow.port)) {
        continue;
      }
      for (const PeerPolicy& peer : filter.peers) {
        const bool elsewhere = !peer.listener.empty() && listener_exists(peer);
        if (!elsewhere && peers.matches(*peer.selector, peer_id)) {
          out.push_back(&peer);
        }
      }
    }
    return out;
  }

  bool dns_proxy_allows(const std::string& query, const Filter& redirect,
                        const DirectionPolicy& direction, PeerTable::PeerId peer_id) {
    for (const Filter& filter : direction.filters.filters) {
      if (!feeds_same_dns_proxy(filter, redirect)) {
        continue;
      }
      for (const PeerPolicy& peer : filter.peers) {
        if (applies(peer, peer_id) && dns_rules_allow(peer, query)) {
          return true;
        }
      }
    }
    return false;
  }

  // What the proxy says of the request; nothing when the flow has none that the proxy judges.
  std::optional<bool> l7_decision(const Flow& flow, const Match& redirect,
                                  const DirectionPolicy& direction, PeerTable::PeerId peer_id) {
    const policy::Parser parser = redirect.peer->parser;
    if ((parser == policy::Parser::Http && flow.http) ||
        (parser == policy::Parser::Tls && flow.server_name)) {
      return envoy_allows(flow, envoy_alternatives(flow, direction, peer_id));
    }
    if (parser == policy::Parser::Dns && flow.dns_query) {
      return dns_proxy_allows(*flow.dns_query, *redirect.filter, direction, peer_id);
    }
    return std::nullopt;
  }

  // The enforced policies' answer; where it allows and that of all policies denies, the denial.
  FlowResult evaluate(const Flow& flow) {
    FlowResult all = evaluate(flow, Asked::All);
    if (all.subject_error || entries[0].size() == entries[1].size()) {
      return all;
    }
    FlowResult enforced = evaluate(flow, Asked::Enforced);
    if (enforced.subject_error || !allows(enforced) || all.verdict != Verdict::Deny) {
      return enforced;
    }
    all.verdict = Verdict::Allow;
    all.audited = true;
    const SubjectPolicy& subject =
        policy_of(endpoint_index.find(flow.subject)->second, Asked::Enforced);
    const DirectionPolicy& direction = subject.directions[static_cast<std::size_t>(flow.direction)];
    // Who denies by default: policies in audit mode only where no other one does.
    if (all.by_default && direction.denies_by_default) {
      all.origins.clear();
      for (const Entry* entry : direction.default_deny) {
        all.origins.push_back(entry->origin);
      }
    }
    return all;
  }

  FlowResult evaluate(const Flow& flow, Asked asked) {
    FlowResult result;
    const auto found = endpoint_index.find(flow.subject);
    const auto peer_id = peers.find(flow.peer);
    if (found == endpoint_index.end() || !peer_id) {
      result.subject_error =
          true;  // an unknown subject or peer: nothing can be said, so nothing passes
      return result;
    }
    const SubjectPolicy& subject = policy_of(found->second, asked);
    if (!error_of(subject).empty()) {
      result.subject_error = true;
      return result;
    }
    const DirectionPolicy& direction = subject.directions[static_cast<std::size_t>(flow.direction)];
    if (!direction.enforced) {
      result.verdict = Verdict::Allow;
      return result;
    }
    const std::vector<Match> matches = matches_of(flow, subject, direction, *peer_id);
    decide(matches, result);
    if (result.by_default) {
      for (const Entry* entry : direction.default_deny) {
        result.origins.push_back(entry->origin);
      }
    }
    if (result.verdict == Verdict::Redirect) {
      result.l7_allowed = l7_decision(flow, *strongest(matches), direction, *peer_id);
    }
    return result;
  }

  static const std::string& error_of(const SubjectPolicy& subject) {
    const std::string& ingress = subject.directions[0].filters.error;
    return ingress.empty() ? subject.directions[1].filters.error : ingress;
  }

  const policy::Cluster& cluster;
  const policy::Options& options;
  PeerTable peers;
  NamedPortTable pod_ports;
  policy::Selector wildcard;
  policy::Selector host_selector;
  policy::LabelSet host_labels;
  std::array<Entry, 2> synthetic;
  std::array<std::vector<const Entry*>, 2> entries;  // by Asked
  std::unordered_map<std::string, std::size_t> endpoint_index;
  std::array<std::vector<SubjectPolicy>, 2> subjects;  // by Asked
};

Evaluator::Evaluator(const policy::Cluster& cluster, const policy::Resolved& resolved,
                     const policy::Options& options)
    : impl_(std::make_unique<Impl>(cluster, resolved, options)) {}

Evaluator::~Evaluator() = default;

FlowResult Evaluator::evaluate(const Flow& flow) { return impl_->evaluate(flow); }

EndpointState Evaluator::endpoint_state(const std::string& full_name) {
  const auto found = impl_->endpoint_index.find(full_name);
  if (found == impl_->endpoint_index.end()) {
    return {};
  }
  const SubjectPolicy& subject = impl_->policy_of(found->second, Asked::All);
  const std::string& error = Impl::error_of(subject);
  return {subject.directions[0].enforced, subject.directions[1].enforced,
          error.empty() ? Impl::error_of(impl_->policy_of(found->second, Asked::Enforced)) : error};
}

}  // namespace policyc::eval
