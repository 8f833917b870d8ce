#include "compiler/ir/conflicts.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>

#include "compiler/policy/entities.h"

namespace policyc::ir {
namespace {

using policy::Entry;
using policy::EntryPorts;
using policy::Parser;
using policy::PortSpec;

// A value and the statement that brought it in.
template <class T>
struct Stated {
  std::optional<T> value;
  source::NodeId node;
};

struct ParserKind {
  Parser parser = Parser::None;
  std::string generic_name;
  friend bool operator==(const ParserKind&, const ParserKind&) = default;
};

// What has been merged so far for one selector on one port statement.
struct Merged {
  bool deny = false;
  Stated<ParserKind> parser;
  Stated<policy::AuthType> auth;
  Stated<policy::ListenerRef> listener;
  Stated<std::string> terminating, originating;
  Stated<bool> server_names;
  Stated<bool> l7;
};

std::string tls_text(const policy::TlsContext& tls) {
  return tls.secret_namespace.value + "/" + tls.secret_name.value + "/" + tls.trusted_ca.value +
         "/" + tls.certificate.value + "/" + tls.private_key.value;
}

bool same_listener(const policy::ListenerRef& a, const policy::ListenerRef& b) {
  return a.config == b.config && a.name == b.name && a.clusterwide == b.clusterwide;
}

bool is_l7(Parser parser) {
  return parser == Parser::Http || parser == Parser::Kafka || parser == Parser::Generic;
}

std::string parser_text(const ParserKind& kind) {
  return "`" +
         (kind.parser == Parser::Generic ? kind.generic_name
                                         : std::string(policy::parser_name(kind.parser))) +
         "`";
}

Merged make_merged(const Entry& entry, const EntryPorts& ports, const PortSpec& port) {
  const source::NodeId node = port.node.valid() ? port.node : ports.node;
  Merged merged;
  merged.deny = entry.deny;
  // HTTP, Kafka and other L7 parsers take effect on TCP only.
  if (ports.parser != Parser::None &&
      (!is_l7(ports.parser) || port.protocol == policy::Protocol::Tcp)) {
    merged.parser = {ParserKind{ports.parser, ports.generic_parser}, node};
  }
  merged.auth = {entry.auth, node};
  merged.listener = {ports.listener, node};
  if (ports.terminating_tls) merged.terminating = {tls_text(*ports.terminating_tls), node};
  if (ports.originating_tls) merged.originating = {tls_text(*ports.originating_tls), node};
  if (!ports.server_names.empty()) merged.server_names = {true, node};
  if (ports.rules && ports.rules->size() > 0) merged.l7 = {true, node};
  return merged;
}

class Checker {
 public:
  explicit Checker(diag::Engine& diagnostics) : diagnostics_(diagnostics) {}

  void add(const FilterKey& key, const Merged& incoming) {
    const auto [found, inserted] = merged_.try_emplace(key, incoming);
    if (inserted) return;
    Merged& existing = found->second;
    if (existing.deny || incoming.deny) {
      if (incoming.deny) existing = incoming;
      return;
    }
    merge_parser(existing.parser, incoming.parser);
    merge_listener(existing.listener, incoming.listener);
    merge(existing.auth, incoming.auth, diag::Id::ConflictingAuthentication,
          "another `authentication.mode` for the same peers and port");
    merge(existing.terminating, incoming.terminating, diag::Id::ConflictingTls,
          "another `terminatingTLS` for the same peers and port");
    merge(existing.originating, incoming.originating, diag::Id::ConflictingTls,
          "another `originatingTLS` for the same peers and port");
    merge_server_names(existing, incoming);
  }

  [[nodiscard]] bool ok() const { return ok_; }

 private:
  void report(diag::Id id, source::NodeId earlier, source::NodeId later,
              const std::string& message) {
    ok_ = false;
    if (already_reported(diagnostics_, id, later)) return;
    auto& diagnostic = diagnostics_.report(id, later, message);
    if (earlier.valid()) diagnostic.infos.push_back({earlier, "the other statement"});
    diagnostic.help = "Cilium cannot compute the endpoint's policy while both apply to it";
  }

  void merge_parser(Stated<ParserKind>& existing, const Stated<ParserKind>& incoming) {
    if (!incoming.value || existing.value == incoming.value) return;
    if (!existing.value ||
        (existing.value->parser == Parser::Tls && is_l7(incoming.value->parser))) {
      existing = incoming;
      return;
    }
    if (incoming.value->parser == Parser::Tls && is_l7(existing.value->parser)) return;
    report(diag::Id::ConflictingParsers, existing.node, incoming.node,
           "L7 parser " + parser_text(*incoming.value) + " meets " + parser_text(*existing.value) +
               " on the same peers and port");
  }

  void merge_listener(Stated<policy::ListenerRef>& existing,
                      const Stated<policy::ListenerRef>& incoming) {
    if (!incoming.value) return;
    if (!existing.value) {
      existing = incoming;
      return;
    }
    constexpr int kDefault = 126;
    const auto strength = [](const policy::ListenerRef& ref) {
      return ref.priority == 0 ? kDefault : int{ref.priority};
    };
    const int before = strength(*existing.value);
    const int now = strength(*incoming.value);
    if (before == now && !same_listener(*existing.value, *incoming.value)) {
      report(diag::Id::ConflictingListeners, existing.node, incoming.node,
             "two listeners of equal priority for the same peers and port");
    } else if (now < before) {
      existing = incoming;
    }
  }

  template <class T>
  void merge(Stated<T>& existing, const Stated<T>& incoming, diag::Id id,
             const std::string& message) {
    if (!incoming.value) return;
    if (!existing.value) {
      existing = incoming;
    } else if (*existing.value != *incoming.value) {
      report(id, existing.node, incoming.node, message);
    }
  }

  void merge_server_names(Merged& existing, const Merged& incoming) {
    const bool met_before = existing.server_names.value && existing.l7.value;
    if (!existing.server_names.value) existing.server_names = incoming.server_names;
    if (!existing.l7.value) existing.l7 = incoming.l7;
    if (met_before || !existing.server_names.value || !existing.l7.value ||
        existing.terminating.value)
      return;
    const bool names_are_new = incoming.server_names.value.has_value();
    report(diag::Id::ConflictingServerNames,
           names_are_new ? existing.l7.node : existing.server_names.node,
           names_are_new ? existing.server_names.node : existing.l7.node,
           "`serverNames` and L7 rules meet on the same peers and port without `terminatingTLS`");
  }

  diag::Engine& diagnostics_;
  std::map<FilterKey, Merged> merged_;
  bool ok_ = true;
};

}  // namespace

FilterKey filter_key(const PortSpec& port, const std::string& peer) {
  const std::uint16_t end_port = port.name.empty() ? port.end_port : std::uint16_t{0};
  return {static_cast<std::uint8_t>(port.protocol), port.port, end_port, port.name, peer};
}

std::set<std::string> peer_texts(const Entry& entry) {
  static const std::string kNobody = policy::reserved_selector("none").text;
  std::set<std::string> peers;
  for (const policy::Selector& peer : entry.peers) peers.insert(peer.text);
  const std::string& wildcard = policy::wildcard_selector().text;
  if (entry.l3 == policy::L3::Empty || peers.contains(wildcard))
    return {wildcard};   // beside it the others do not count
  peers.erase(kNobody);  // selects nobody: never a conflict
  return peers;
}

bool already_reported(const diag::Engine& diagnostics, diag::Id id, source::NodeId node) {
  return std::any_of(
      diagnostics.all().begin(), diagnostics.all().end(),
      [&](const diag::Diagnostic& known) { return known.id == id && known.node == node; });
}

bool check_conflicts(const std::vector<const policy::Entry*>& entries, diag::Engine& diagnostics) {
  Checker checker(diagnostics);
  for (const Entry* entry : entries) {
    if (entry->l3 == policy::L3::Nothing) continue;
    const std::set<std::string> peers = peer_texts(*entry);
    const auto add = [&](const EntryPorts& ports, const PortSpec& port) {
      const Merged merged = make_merged(*entry, ports, port);
      for (const std::string& peer : peers) checker.add(filter_key(port, peer), merged);
    };
    for (const EntryPorts& ports : entry->l4) {
      for (const PortSpec& port : ports.ports) add(ports, port);
    }
    if (!entry->has_l4 && entry->l3 == policy::L3::Selectors) {
      PortSpec everything;
      everything.node = entry->origin.node;
      add({}, everything);
    }
  }
  return checker.ok();
}

}  // namespace policyc::ir
