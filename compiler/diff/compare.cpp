#include "compiler/diff/compare.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>
#include <tuple>

#include "compiler/diff/peer_text.h"
#include "compiler/diff/requests.h"
#include "runtime/abi/abi.h"

namespace policyc::diff {
namespace {

using explain::Outcome;
using matrix::PortRange;
using policy::Protocol;

// What one side decides in one cell.
struct Cell {
  Outcome outcome = Outcome::Deny;
  bool audited = false;
  bool by_default = false;
  const ir::Rule* rule = nullptr;

  [[nodiscard]] const std::string& parser() const {
    static const std::string kNone;
    return outcome == Outcome::Redirect && rule != nullptr ? rule->parser : kNone;
  }
};

bool same_verdict(const Cell& a, const Cell& b) {
  return a.outcome == b.outcome && a.audited == b.audited && a.parser() == b.parser();
}

Cell cell_of(std::uint32_t decision, const ir::Shape& shape, std::size_t direction) {
  Cell out;
  out.audited = (decision & POLICYC_DECISION_AUDITED) != 0;
  out.by_default = POLICYC_DECISION_VERDICT(decision) == POLICY_DEFAULT_DENY;
  out.rule = shape.find_rule(direction, POLICYC_DECISION_RULE(decision));
  switch (POLICYC_DECISION_VERDICT(decision)) {
    case POLICY_ALLOW:
      out.outcome = Outcome::Allow;
      break;
    case POLICY_REDIRECT:
      out.outcome = Outcome::Redirect;
      break;
    case POLICY_AUTH_REQUIRED:
      out.outcome = Outcome::Authenticate;
      break;
    default:
      break;
  }
  if (out.audited) out.outcome = Outcome::Allow;
  return out;
}

// One side in one direction.
class SideDirection {
 public:
  SideDirection(const SubjectSide& side, std::size_t direction)
      : side_(side), direction_(direction) {}

  [[nodiscard]] bool computed() const { return side_.policy.problem.empty(); }
  [[nodiscard]] const matrix::VerdictMatrix& matrix() const {
    return side_.policy.shape.directions[direction_].matrix;
  }
  [[nodiscard]] const std::vector<ir::Rule>& rules() const {
    return side_.policy.written.directions[direction_].rules;
  }
  [[nodiscard]] bool redirects() const {
    return std::any_of(rules().begin(), rules().end(),
                       [](const ir::Rule& rule) { return rule.verdict == ir::Verdict::Redirect; });
  }
  [[nodiscard]] matrix::PredicateTruth truth(const policy::LabelSet& peer) const {
    return computed() ? side_.policy.shape.truth(direction_, peer) : matrix::PredicateTruth{};
  }
  [[nodiscard]] Cell decide(const matrix::PredicateTruth& truth, std::uint8_t protocol,
                            std::uint16_t port) const {
    if (!computed()) return {};
    return cell_of(matrix().decide(truth, protocol, port), side_.policy.shape, direction_);
  }

  // Predicates that rules of the direction ask, by their text.
  void add_predicates(std::map<std::string, const policy::Predicate*>& out) const {
    for (const ir::Rule& rule : rules()) {
      for (const std::uint32_t peer : rule.peers) {
        const policy::Predicate& predicate = side_.policy.written.predicates[peer];
        out.emplace(predicate.serialise(), &predicate);
      }
    }
  }

  [[nodiscard]] Said said(const Cell& cell) const {
    Said out;
    out.outcome = cell.outcome;
    if (!computed()) {
      out.text = "denied: its policy cannot be computed: " + side_.policy.problem;
      return out;
    }
    const ir::DirectionShape& shape = side_.policy.shape.directions[direction_];
    if (cell.rule != nullptr) {
      out.origins = {cell.rule->origin};
    } else if (cell.by_default) {
      out.origins = shape.default_deny_origins;
    }
    if (!shape.enforced) {
      out.text = "allowed: no policy selects it in this direction";
    } else if (cell.audited) {
      out.text = "allowed, and the denial reported";
    } else if (cell.by_default) {
      out.text = "denied by default";
    } else if (cell.outcome == Outcome::Redirect) {
      out.text = "redirected to the " + cell.parser() + " proxy";
    } else {
      out.text = cell.outcome == Outcome::Allow          ? "allowed"
                 : cell.outcome == Outcome::Authenticate ? "allowed if authenticated"
                                                         : "denied";
    }
    return out;
  }

 private:
  const SubjectSide& side_;
  std::size_t direction_;
};

// A kind of peer, and what both sides know of it.
struct Kind {
  const PeerKind* peer;
  std::vector<bool> answers;  // of the predicates
  matrix::PredicateTruth before, after;
};

class DirectionComparison {
 public:
  DirectionComparison(const explain::Model& before, const explain::Model& after,
                      const SubjectPair& subject, std::size_t direction, const PeerKinds& peers,
                      const std::vector<KnownPeer>& known)
      : models_{&before, &after},
        subject_(subject),
        direction_(direction),
        before_(subject.before, direction),
        after_(subject.after, direction),
        known_(known) {
    std::map<std::string, const policy::Predicate*> predicates;
    before_.add_predicates(predicates);
    after_.add_predicates(predicates);
    for (const auto& [text, predicate] : predicates) predicates_.push_back(predicate);
    choose_kinds(peers);
    choose_protocols();
  }

  std::vector<Region> run() {
    for (const std::uint8_t protocol : protocols_) {
      for (const auto& [first, last] : intervals(protocol)) {
        for (std::size_t kind = 0; kind < kinds_.size(); ++kind)
          look_at(kind, {protocol, first, last});
      }
    }
    return regions();
  }

 private:
  using Key = std::tuple<std::string, std::vector<ir::Origin>, std::string, std::vector<ir::Origin>,
                         std::vector<std::string>, std::vector<std::string>>;
  struct Change {
    Said before, after;
    std::vector<std::string> removed, added;
    std::map<std::size_t, std::vector<PortRange>> ports;  // by kind
    std::map<std::size_t, std::string> requests;          // a telling one, by kind
  };

  std::vector<bool> answers(const policy::LabelSet& labels) const {
    std::vector<bool> out;
    for (const policy::Predicate* predicate : predicates_)
      out.push_back(predicate->matches(labels));
    return out;
  }

  void choose_kinds(const PeerKinds& peers) {
    std::set<std::tuple<std::vector<bool>, std::vector<bool>, bool, bool>> seen;
    for (const PeerKind& peer : peers.kinds) {
      std::vector<bool> after = answers(peer.after);
      std::vector<bool> before = peer.before == peer.after ? after : answers(peer.before);
      if (!seen.emplace(before, after, peer.ipv4, peer.ipv6).second) continue;
      kinds_.push_back(
          {&peer, std::move(after), before_.truth(peer.before), after_.truth(peer.after)});
    }
  }

  void choose_protocols() {
    std::set<std::uint8_t> found{matrix::kAnyProtocol};
    for (const SideDirection* side : {&before_, &after_}) {
      if (!side->computed()) continue;
      for (const auto& columns : side->matrix().protocols()) found.insert(columns.protocol);
    }
    protocols_.assign(found.begin(), found.end());
  }

  // Where neither side's decision changes.
  std::vector<std::pair<std::uint16_t, std::uint16_t>> intervals(std::uint8_t protocol) const {
    std::set<std::uint32_t> starts{0};
    const bool requests = before_.redirects() && after_.redirects();
    for (const SideDirection* side : {&before_, &after_}) {
      if (!side->computed()) continue;
      for (const auto& columns : side->matrix().protocols()) {
        if (columns.protocol != protocol && columns.protocol != matrix::kAnyProtocol) continue;
        for (const auto& interval : columns.intervals) starts.insert(interval.first);
      }
      if (!requests) continue;
      for (const ir::Rule& rule : side->rules()) {
        for (const PortRange& range : rule.ports) {
          if (range.protocol != protocol && range.protocol != matrix::kAnyProtocol) continue;
          starts.insert(range.first);
          starts.insert(range.last + 1U);
        }
      }
    }
    starts.erase(0x10000U);
    std::vector<std::pair<std::uint16_t, std::uint16_t>> out;
    for (auto at = starts.begin(); at != starts.end(); ++at) {
      const auto next = std::next(at);
      const std::uint32_t last = next == starts.end() ? 0xffffU : *next - 1U;
      out.emplace_back(static_cast<std::uint16_t>(*at), static_cast<std::uint16_t>(last));
    }
    return out;
  }

  void look_at(std::size_t index, const PortRange& range) {
    const Kind& kind = kinds_[index];
    const auto protocol = static_cast<Protocol>(range.protocol);
    if (protocol == Protocol::Icmp && !kind.peer->ipv4) return;
    if (protocol == Protocol::IcmpV6 && !kind.peer->ipv6) return;
    const Cell before = before_.decide(kind.before, range.protocol, range.first);
    const Cell after = after_.decide(kind.after, range.protocol, range.first);
    if (!same_verdict(before, after)) {
      add(index, range, before, after, {}, {}, {});
    } else if (before.outcome == Outcome::Redirect) {
      compare_requests(index, range, before, after);
    }
  }

  void compare_requests(std::size_t index, const PortRange& range, const Cell& before,
                        const Cell& after) {
    const auto protocol = static_cast<Protocol>(range.protocol);
    const RequestRules old_rules = request_rules(*models_[0], subject_.before, direction_,
                                                 kinds_[index].peer->before, protocol, range.first);
    const RequestRules new_rules = request_rules(*models_[1], subject_.after, direction_,
                                                 kinds_[index].peer->after, protocol, range.first);
    if (old_rules.unrestricted && new_rules.unrestricted) return;
    if (old_rules.unrestricted == new_rules.unrestricted && old_rules.texts == new_rules.texts)
      return;
    std::vector<std::string> removed, added;
    std::set_difference(old_rules.texts.begin(), old_rules.texts.end(), new_rules.texts.begin(),
                        new_rules.texts.end(), std::back_inserter(removed));
    std::set_difference(new_rules.texts.begin(), new_rules.texts.end(), old_rules.texts.begin(),
                        old_rules.texts.end(), std::back_inserter(added));
    if (old_rules.unrestricted) removed.insert(removed.begin(), "every request");
    if (new_rules.unrestricted) added.insert(added.begin(), "every request");
    add(index, range, before, after, std::move(removed), std::move(added),
        telling_request(old_rules, new_rules));
  }

  void add(std::size_t kind, const PortRange& range, const Cell& before, const Cell& after,
           std::vector<std::string> removed, std::vector<std::string> added, std::string request) {
    Said old_said = before_.said(before);
    Said new_said = after_.said(after);
    Change& change = changes_[Key(old_said.text, old_said.origins, new_said.text, new_said.origins,
                                  removed, added)];
    change.before = std::move(old_said);
    change.after = std::move(new_said);
    change.removed = std::move(removed);
    change.added = std::move(added);
    if (!request.empty()) change.requests.try_emplace(kind, std::move(request));
    auto& ports = change.ports[kind];
    if (!ports.empty() && ports.back().protocol == range.protocol &&
        ports.back().last + 1U == range.first) {
      ports.back().last = range.last;
    } else {
      ports.push_back(range);
    }
  }

  // Every protocol with all its ports is `any`.
  std::vector<PortRange> simplified(const std::vector<PortRange>& ports,
                                    const PeerKind& peer) const {
    std::size_t protocols = protocols_.size();
    for (const std::uint8_t protocol : protocols_) {
      if (protocol == static_cast<std::uint8_t>(Protocol::Icmp) && !peer.ipv4) --protocols;
      if (protocol == static_cast<std::uint8_t>(Protocol::IcmpV6) && !peer.ipv6) --protocols;
    }
    const bool whole = std::all_of(ports.begin(), ports.end(), [](const PortRange& range) {
      return range.first == 0 && range.last == 0xffff;
    });
    if (whole && ports.size() == protocols) return {PortRange{}};
    return ports;
  }

  std::vector<Region> regions() const {
    std::vector<Region> out;
    for (const auto& [key, change] : changes_) {
      std::map<std::vector<PortRange>, std::vector<std::size_t>> by_ports;
      for (const auto& [kind, ports] : change.ports)
        by_ports[simplified(ports, *kinds_[kind].peer)].push_back(kind);
      for (const auto& [ports, kinds] : by_ports) out.push_back(region(change, ports, kinds));
    }
    return out;
  }

  Region region(const Change& change, const std::vector<PortRange>& ports,
                const std::vector<std::size_t>& kinds) const {
    Region out;
    out.subjects = subject_.names;
    out.direction = direction_;
    out.ports = ports;
    out.before = change.before;
    out.after = change.after;
    out.requests_removed = change.removed;
    out.requests_added = change.added;
    out.peers = describe(kinds);
    out.witness.peer = kinds_[kinds.front()].peer->name;
    set_port(ports.front(), *kinds_[kinds.front()].peer, out.witness);
    for (const std::size_t kind : kinds) {
      const auto found = change.requests.find(kind);
      if (found != change.requests.end() && out.witness.request.empty()) {
        out.witness.request = found->second;
        out.witness.peer = kinds_[kind].peer->name;
      }
    }
    find_known(kinds, out);
    return out;
  }

  std::string describe(const std::vector<std::size_t>& kinds) const {
    KindSet wanted(kinds_.size(), false);
    for (const std::size_t kind : kinds) wanted[kind] = true;
    std::vector<std::string> names;
    for (const Kind& kind : kinds_) names.push_back(kind.peer->name);
    std::vector<NamedSet> sets;
    for (std::size_t i = 0; i < predicates_.size(); ++i) {
      NamedSet set{predicates_[i]->to_string(), {}};
      for (const Kind& kind : kinds_) set.kinds.push_back(kind.answers[i]);
      sets.push_back(std::move(set));
    }
    return peer_text(wanted, sets, names);
  }

  // A port of the range; of `any` one of a protocol that is named nowhere.
  void set_port(const PortRange& range, const PeerKind& peer, Witness& witness) const {
    witness.port = range.first;
    witness.protocol = static_cast<Protocol>(range.protocol);
    if (range.protocol != matrix::kAnyProtocol) return;
    witness.port = 0;
    constexpr std::array kUsual = {Protocol::Tcp,    Protocol::Udp,  Protocol::Sctp, Protocol::Icmp,
                                   Protocol::IcmpV6, Protocol::Igmp, Protocol::Vrrp};
    for (const Protocol protocol : kUsual) {
      const bool named = std::binary_search(protocols_.begin(), protocols_.end(),
                                            static_cast<std::uint8_t>(protocol));
      const bool possible =
          (protocol != Protocol::Icmp || peer.ipv4) && (protocol != Protocol::IcmpV6 || peer.ipv6);
      if (named || !possible) continue;
      witness.protocol = protocol;
      if (protocol == Protocol::Tcp || protocol == Protocol::Udp || protocol == Protocol::Sctp)
        witness.port = 1;
      return;
    }
    witness.protocol = Protocol::Tcp;
    witness.port = 1;
  }

  // Endpoints that are of these kinds; one of them is the better witness.
  void find_known(const std::vector<std::size_t>& kinds, Region& out) const {
    std::set<std::vector<bool>> wanted;
    for (const std::size_t kind : kinds) {
      if (kinds_[kind].peer->ipv4 && kinds_[kind].peer->ipv6) wanted.insert(kinds_[kind].answers);
    }
    for (const KnownPeer& peer : known_) {
      if (!wanted.contains(answers(peer.labels))) continue;
      if (out.known_peers == 0 && out.witness.request.empty()) out.witness.peer = peer.name;
      out.known_peers += peer.count;
    }
  }

  std::array<const explain::Model*, 2> models_;
  const SubjectPair& subject_;
  std::size_t direction_;
  SideDirection before_, after_;
  const std::vector<KnownPeer>& known_;
  std::vector<const policy::Predicate*> predicates_;
  std::vector<Kind> kinds_;
  std::vector<std::uint8_t> protocols_;
  std::map<Key, Change> changes_;
};

}  // namespace

std::vector<Region> compare(const explain::Model& before, const explain::Model& after,
                            const SubjectPair& subject, const PeerKinds& peers,
                            const std::vector<KnownPeer>& known) {
  std::vector<Region> out;
  for (std::size_t direction = 0; direction < 2; ++direction) {
    auto found = DirectionComparison(before, after, subject, direction, peers, known).run();
    std::move(found.begin(), found.end(), std::back_inserter(out));
  }
  return out;
}

}  // namespace policyc::diff
