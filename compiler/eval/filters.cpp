#include "compiler/eval/filters.h"

#include <algorithm>

#include "compiler/eval/merge.h"

namespace policyc::eval {

namespace {

using policy::Entry;
using policy::EntryPorts;
using policy::Parser;
using policy::PortSpec;
using policy::Protocol;

// Only DNS, TLS and listeners take effect on other protocols than TCP (spec section 6.3).
Parser effective_parser(const EntryPorts& ports, Protocol protocol) {
  const bool tcp_only = ports.parser == Parser::Http || ports.parser == Parser::Kafka ||
                        ports.parser == Parser::Generic;
  if (!tcp_only || protocol == Protocol::Tcp) {
    return ports.parser;
  }
  return Parser::None;
}

bool is_match_all(const policy::HttpRule& rule) {
  return rule.path.value.empty() && rule.method.value.empty() && rule.host.value.empty() &&
         rule.headers.empty() && rule.header_matches.empty();
}

void add_dns_rule(L7List& list, const policy::FqdnSelector& rule) {
  using policy::l7::DnsPattern;
  ++list.rules;
  if (!rule.match_name.value.empty()) {
    list.dns.push_back(DnsPattern::from_name(rule.match_name.value));
  }
  if (!rule.match_pattern.value.empty()) {
    list.dns.push_back(
        DnsPattern::from_pattern(rule.match_pattern.value, policy::l7::DnsPatternUse::Rule));
  }
}

L7List l7_list(const policy::L7Rules& rules, Parser parser) {
  L7List list;
  switch (parser) {
    case Parser::Dns:
      for (const policy::FqdnSelector& rule : *rules.dns) {
        add_dns_rule(list, rule);
      }
      break;
    case Parser::Http:
      for (const policy::HttpRule& rule : *rules.http) {
        ++list.rules;
        list.match_all = list.match_all || is_match_all(rule);
        list.http.push_back(std::make_shared<const policy::l7::HttpMatcher>(rule));
      }
      break;
    case Parser::Kafka:
      list.rules = rules.kafka->size();
      break;
    case Parser::Generic:
      list.rules = rules.l7 ? rules.l7->size() : 0;
      break;
    case Parser::None:
    case Parser::Tls:
    case Parser::Crd:
      break;
  }
  return list;
}

// The entity `none`: conflicts about it do not count.
bool never_selects(const policy::Selector& selector) {
  return selector.requirements.size() == 1 && selector.requirements[0].source == "reserved" &&
         selector.requirements[0].key == "none";
}

class FilterBuilder {
 public:
  explicit FilterBuilder(const FilterContext& context) : context_(context) {}

  Filters run(const std::vector<const Entry*>& entries) {
    for (const Entry* entry : entries) {
      add(*entry);
      if (!out_.error.empty()) {
        return Filters{{}, out_.error};
      }
    }
    return std::move(out_);
  }

 private:
  void add(const Entry& entry) {
    if (entry.l3 == policy::L3::Nothing) {
      return;
    }
    if (!entry.has_l4) {
      if (entry.l3 == policy::L3::Selectors) {
        add_statement(entry, EntryPorts{}, PortSpec{});
      }
      return;
    }
    for (const EntryPorts& ports : entry.l4) {
      for (const PortSpec& spec : ports.ports) {
        add_statement(entry, ports, spec);
      }
    }
  }

  void add_statement(const Entry& entry, const EntryPorts& ports, const PortSpec& spec) {
    PeerPolicy statement = peer_policy(entry, ports, spec.protocol);
    Filter& filter = filter_for(spec);
    const bool wildcard = entry.l3 == policy::L3::Empty;
    bool selects_host = false;
    bool names_host = false;
    const auto add_peer = [&](const policy::Selector& selector) {
      statement.selector = &selector;
      merge_into(filter, statement);
      selects_host = selects_host || selector.matches(*context_.host_labels);
      names_host = names_host || selector == *context_.host_selector;
    };
    if (wildcard || std::find(entry.peers.begin(), entry.peers.end(), *context_.wildcard) !=
                        entry.peers.end()) {
      add_peer(*context_.wildcard);  // beside it the other selectors do not count
    } else {
      for (const policy::Selector& selector : entry.peers) {
        add_peer(selector);
      }
    }
    if (context_.wildcard_host_l7 && statement.is_redirect() && selects_host && !names_host) {
      PeerPolicy host;
      host.selector = context_.host_selector;
      host.origins = {&entry.origin};
      merge_into(filter, host);
    }
  }

  PeerPolicy peer_policy(const Entry& entry, const EntryPorts& ports, Protocol protocol) {
    PeerPolicy out;
    out.origins = {&entry.origin};
    out.deny = entry.deny;
    if (entry.deny) {
      return out;
    }
    out.auth = entry.auth;
    out.parser = effective_parser(ports, protocol);
    if (out.parser == Parser::Generic) {
      out.generic_parser = ports.generic_parser;
    }
    out.priority = policy::parser_priority(out.parser);
    if (ports.listener) {
      out.listener = ports.listener->qualified(context_.subject_namespace);
      if (ports.listener->priority != 0) {
        out.priority = ports.listener->priority;
      }
      if (ports.listener_needs_namespace && context_.subject_namespace.empty()) {
        out_.error = "listener `" + ports.listener->name +
                     "` of a CiliumEnvoyConfig needs a subject with a namespace";
      }
    }
    out.terminating_tls = ports.terminating_tls ? &*ports.terminating_tls : nullptr;
    out.originating_tls = ports.originating_tls ? &*ports.originating_tls : nullptr;
    out.server_names = ports.server_names;
    if (ports.rules) {
      out.l7 = l7_list(*ports.rules, out.parser);
      out.l7.match_all = out.l7.match_all || (context_.relax_l7 && out.l7.rules > 0);
    }
    return out;
  }

  // `80`, `80-80` and `80-70` are different filters; a name has one filter whatever its end ports
  // (the first one counts).
  Filter& filter_for(const PortSpec& spec) {
    const auto same = [&spec](const Filter& filter) {
      return filter.spec.protocol == spec.protocol && filter.spec.name == spec.name &&
             (!spec.name.empty() ||
              (filter.spec.port == spec.port && filter.spec.end_port == spec.end_port));
    };
    const auto found = std::find_if(out_.filters.begin(), out_.filters.end(), same);
    if (found != out_.filters.end()) {
      return *found;
    }
    out_.filters.push_back(Filter{spec, std::nullopt, {}});
    return out_.filters.back();
  }

  void merge_into(Filter& filter, const PeerPolicy& statement) {
    const auto found = std::find_if(
        filter.peers.begin(), filter.peers.end(),
        [&statement](const PeerPolicy& peer) { return *peer.selector == *statement.selector; });
    if (found == filter.peers.end()) {
      filter.peers.push_back(statement);
      return;
    }
    if (never_selects(*statement.selector)) {
      return;
    }
    if (std::string error = merge(*found, statement); !error.empty() && out_.error.empty()) {
      out_.error = std::move(error);
    }
  }

  const FilterContext& context_;
  Filters out_;
};

}  // namespace

Filters build_filters(const std::vector<const Entry*>& entries, const FilterContext& context) {
  return FilterBuilder(context).run(entries);
}

}  // namespace policyc::eval
