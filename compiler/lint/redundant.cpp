// Rules that can be taken away. A rule is covered, for one of its peers and one of its port ranges,
// by rules that answer alike, or stronger, for every peer that its predicate can mean.

#include <algorithm>
#include <map>
#include <set>

#include "compiler/ir/implication.h"
#include "compiler/lint/subject.h"
#include "compiler/matrix/intervals.h"

namespace policyc::lint {

using policy::Direction;
using policy::Entry;

bool covers_ports(const matrix::PortRange& wanted, std::vector<matrix::PortRange> ranges) {
  std::erase_if(ranges, [&wanted](const matrix::PortRange& range) {
    return range.protocol != matrix::kAnyProtocol && range.protocol != wanted.protocol;
  });
  std::sort(ranges.begin(), ranges.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  std::uint32_t reached = wanted.first;
  for (const matrix::PortRange& range : ranges) {
    if (range.first > reached) return false;
    reached = std::max<std::uint32_t>(reached, std::uint32_t{range.last} + 1);
    if (reached > wanted.last) return true;
  }
  return reached > wanted.last;
}

namespace {

// What an entry says, in a form that is equal for entries that say the same. Empty: unknown.
std::string meaning(const Entry& entry) {
  if (entry.l3 == policy::L3::Nothing) return {};
  std::set<std::string> peers;
  for (const policy::Selector& peer : entry.peers) peers.insert(peer.serialise());
  std::set<std::string> ports;
  for (const policy::EntryPorts& element : entry.l4) {
    // L7 rules, TLS and listeners are compared nowhere: such rules are never called duplicates.
    if (element.parser != policy::Parser::None || element.rules || element.listener ||
        !element.server_names.empty())
      return {};
    for (const policy::PortSpec& port : element.ports)
      ports.insert(std::to_string(static_cast<int>(port.protocol)) + "/" +
                   std::to_string(port.port) + "-" + std::to_string(port.end_port) + "/" +
                   port.name);
  }
  std::string text = std::to_string(static_cast<int>(entry.direction)) +
                     (entry.deny ? "deny" : "allow") + (entry.default_deny ? "!" : "") +
                     (entry.audited ? "audited" : "") +
                     std::to_string(entry.auth ? static_cast<int>(*entry.auth) : -1) +
                     std::to_string(static_cast<int>(entry.l3)) + (entry.has_l4 ? "ports" : "");
  for (const std::string& peer : peers) text += "\n" + peer;
  text += "\n--";
  for (const std::string& port : ports) text += "\n" + port;
  return text;
}

bool has_port_names(const Entry& entry) {
  return std::any_of(entry.l4.begin(), entry.l4.end(), [](const policy::EntryPorts& element) {
    return std::any_of(element.ports.begin(), element.ports.end(),
                       [](const policy::PortSpec& port) { return !port.name.empty(); });
  });
}

class Search {
 public:
  Search(const Model& model, SubjectView& view, std::size_t direction)
      : model_(model),
        view_(view),
        part_(view.policy.directions[direction]),
        rule_entries_(view.rule_entries[direction]),
        applying_(view.entries[direction]) {
    for (const std::size_t entry : view.own) {
      if (static_cast<std::size_t>(model.entry(entry).direction) == direction)
        own_.push_back(entry);
    }
    // Of rules that say the same the first one in the text stays.
    std::sort(own_.begin(), own_.end(), [&model](std::size_t a, std::size_t b) {
      return model.entry(a).origin.node < model.entry(b).origin.node;
    });
    for (std::size_t i = 0; i < rule_entries_.size(); ++i)
      rules_of_[rule_entries_[i]].push_back(&part_.rules[i]);
  }

  void run() {
    find_duplicates();
    for (auto at = own_.rbegin(); at != own_.rend(); ++at) {
      if (!removed_.contains(*at)) try_removing(*at);
    }
  }

 private:
  // The entry is no reason to look further: without it the direction would lose its default deny.
  bool carries_default_deny(std::size_t index) const {
    const Entry& entry = model_.entry(index);
    if (!entry.default_deny) return false;
    return std::none_of(applying_.begin(), applying_.end(), [&](const Entry* other) {
      return other != &entry && other->default_deny && other->audited == entry.audited &&
             !removed_.contains(model_.index_of(other));
    });
  }

  void report(std::size_t entry, Redundant::Kind kind, std::vector<std::size_t> by) {
    removed_.insert(entry);
    view_.redundant.push_back({entry, kind, std::move(by)});
  }

  void find_duplicates() {
    std::map<std::string, std::size_t> first;
    for (const std::size_t entry : own_) {
      const std::string text = meaning(model_.entry(entry));
      if (text.empty()) continue;
      const auto [at, fresh] = first.try_emplace(text, entry);
      if (!fresh) report(entry, Redundant::Kind::Duplicate, {at->second});
    }
  }

  // Whether a subject that an entry of another selector names is the same as this one.
  bool same_subject(const Entry& other) const {
    return ir::implies(other.subject, *view_.selector);
  }

  bool usable(std::size_t index, std::size_t other) const {
    if (other == kNoEntry || other == index || removed_.contains(other)) return false;
    const bool own = std::find(own_.begin(), own_.end(), other) != own_.end();
    // Of two rules that cover each other under selectors that mean the same, one stays.
    return own || other < index || !same_subject(model_.entry(other));
  }

  bool answers_alike(const ir::Rule& rule, const Entry& entry, const ir::Rule& other,
                     std::size_t other_entry) const {
    if (!matrix::stands_in(other.answer, rule.answer)) return false;
    if (other.verdict == ir::Verdict::Deny) return true;
    return rule.verdict == ir::Verdict::Allow && other.verdict == ir::Verdict::Allow &&
           rule.auth_required == other.auth_required &&
           model_.entry(other_entry).auth == entry.auth;
  }

  // Predicates of one policy are few: asked again and again, answered once.
  bool peer_implies(std::uint32_t special, std::uint32_t general) {
    if (special == general) return true;
    const auto [at, fresh] = implied_.try_emplace({special, general}, false);
    if (fresh) {
      const auto& from = view_.policy.predicates[special].selectors;
      const auto& to = view_.policy.predicates[general].selectors;
      at->second = !from.empty() && std::all_of(from.begin(), from.end(), [&](const auto& one) {
        return std::any_of(to.begin(), to.end(),
                           [&](const auto& wide) { return ir::implies(one, wide); });
      });
    }
    return at->second;
  }

  bool names_peer(const ir::Rule& other, const std::uint32_t* peer) {
    if (other.any_peer) return true;
    if (peer == nullptr) return false;
    return std::any_of(other.peers.begin(), other.peers.end(),
                       [&](std::uint32_t general) { return peer_implies(*peer, general); });
  }

  struct Cover {
    std::set<std::size_t> by;
    bool by_denies_alone = true;
  };

  // One peer of a rule (nullptr: every peer) on all its ports.
  bool cover_peer(std::size_t index, const ir::Rule& rule, const std::uint32_t* peer,
                  Cover& cover) {
    const Entry& entry = model_.entry(index);
    std::vector<matrix::PortRange> denied;
    std::vector<matrix::PortRange> decided;
    std::vector<std::size_t> deniers;
    std::vector<std::size_t> deciders;
    for (std::size_t i = 0; i < part_.rules.size(); ++i) {
      const ir::Rule& other = part_.rules[i];
      if (!usable(index, rule_entries_[i])) continue;
      if (!answers_alike(rule, entry, other, rule_entries_[i]) || !names_peer(other, peer))
        continue;
      const bool meets = std::any_of(
          other.ports.begin(), other.ports.end(), [&rule](const matrix::PortRange& range) {
            return std::any_of(rule.ports.begin(), rule.ports.end(),
                               [&range](const matrix::PortRange& mine) {
                                 return matrix::applies_to(range, mine.protocol) &&
                                        range.first <= mine.last && mine.first <= range.last;
                               });
          });
      if (!meets) continue;
      decided.insert(decided.end(), other.ports.begin(), other.ports.end());
      deciders.push_back(rule_entries_[i]);
      if (other.verdict != ir::Verdict::Deny) continue;
      denied.insert(denied.end(), other.ports.begin(), other.ports.end());
      deniers.push_back(rule_entries_[i]);
    }
    const auto all_in = [&rule](const std::vector<matrix::PortRange>& ranges) {
      return std::all_of(rule.ports.begin(), rule.ports.end(),
                         [&ranges](const auto& range) { return covers_ports(range, ranges); });
    };
    if (!deniers.empty() && all_in(denied)) {
      cover.by.insert(deniers.begin(), deniers.end());
      return true;
    }
    cover.by_denies_alone = false;
    if (!all_in(decided)) return false;
    cover.by.insert(deciders.begin(), deciders.end());
    return true;
  }

  // A plain allow beside a DNS redirect opens names to it, on its exact port alone (spec
  // section 6.8): it is no shadow of a wider allow.
  bool opens_names(const ir::Rule& rule) const {
    return rule.verdict == ir::Verdict::Allow &&
           std::any_of(part_.rules.begin(), part_.rules.end(), [&rule](const ir::Rule& other) {
             return other.verdict == ir::Verdict::Redirect && other.parser == "dns" &&
                    std::any_of(rule.ports.begin(), rule.ports.end(), [&](const auto& range) {
                      return std::find(other.ports.begin(), other.ports.end(), range) !=
                             other.ports.end();
                    });
           });
  }

  void try_removing(std::size_t index) {
    const Entry& entry = model_.entry(index);
    if (has_port_names(entry) || carries_default_deny(index)) return;
    const auto rules = rules_of_.find(index);
    if (rules == rules_of_.end()) return;
    Cover cover;
    for (const ir::Rule* rule : rules->second) {
      // Nobody, or no port: other lints say so.
      if (rule->ports.empty() || (!rule->any_peer && rule->peers.empty())) return;
      if (rule->any_peer) {
        if (!cover_peer(index, *rule, nullptr, cover)) return;
      } else {
        for (const std::uint32_t& peer : rule->peers) {
          if (!cover_peer(index, *rule, &peer, cover)) return;
        }
      }
      if (!cover.by_denies_alone && opens_names(*rule)) return;
    }
    const bool denied = !entry.deny && cover.by_denies_alone;
    report(index, denied ? Redundant::Kind::Denied : Redundant::Kind::Shadowed,
           {cover.by.begin(), cover.by.end()});
  }

  const Model& model_;
  SubjectView& view_;
  const ir::DirectionPolicy& part_;
  const std::vector<std::size_t>& rule_entries_;
  const std::vector<const Entry*>& applying_;
  std::vector<std::size_t> own_;
  std::map<std::size_t, std::vector<const ir::Rule*>> rules_of_;
  std::set<std::size_t> removed_;
  std::map<std::pair<std::uint32_t, std::uint32_t>, bool> implied_;
};

}  // namespace

void find_redundant(const Model& model, SubjectView& view) {
  for (std::size_t direction = 0; direction < 2; ++direction) Search(model, view, direction).run();
}

namespace {

// HTTP, Kafka and generic rules are alternatives to any plain allow that meets them; DNS rules to
// one of exactly their port (spec section 6.8).
bool opens(const ir::Rule& redirect, const matrix::PortRange& range, const ir::Rule& allow) {
  if (redirect.parser == "dns")
    return std::find(allow.ports.begin(), allow.ports.end(), range) != allow.ports.end();
  return covers_ports(range, allow.ports);
}

bool same_peers(const ir::EndpointPolicy& policy, const ir::Rule& redirect, const ir::Rule& allow) {
  if (allow.any_peer) return true;
  if (redirect.any_peer) return false;
  return std::all_of(redirect.peers.begin(), redirect.peers.end(), [&](std::uint32_t peer) {
    return std::any_of(allow.peers.begin(), allow.peers.end(), [&](std::uint32_t general) {
      return peer == general || ir::implies(policy.predicates[peer].selectors.front(),
                                            policy.predicates[general].selectors.front());
    });
  });
}

// The L7 rules of an entry say more than "everything".
bool restricts(const Entry& entry, const std::string& parser) {
  return std::any_of(entry.l4.begin(), entry.l4.end(), [&](const policy::EntryPorts& element) {
    if (!element.rules) return false;
    if (parser == "http" && element.rules->http)
      return std::none_of(element.rules->http->begin(), element.rules->http->end(),
                          [](const policy::HttpRule& rule) {
                            return rule.path.value.empty() && rule.method.value.empty() &&
                                   rule.host.value.empty() && rule.headers.empty() &&
                                   rule.header_matches.empty();
                          });
    if (parser == "dns" && element.rules->dns)
      return std::none_of(
          element.rules->dns->begin(), element.rules->dns->end(),
          [](const policy::FqdnSelector& rule) { return rule.match_pattern.value == "*"; });
    return parser != "http" && parser != "dns" && element.rules->size() > 0;
  });
}

}  // namespace

void find_voided(const Model& model, SubjectView& view) {
  for (std::size_t direction = 0; direction < 2; ++direction) {
    const auto& part = view.policy.directions[direction];
    // Where traffic is allowed by default, L7 rules restrict nothing anyway.
    if (!part.default_deny) continue;
    std::set<std::size_t> seen;
    for (std::size_t i = 0; i < part.rules.size(); ++i) {
      const ir::Rule& redirect = part.rules[i];
      const std::size_t entry = view.rule_entries[direction][i];
      const bool mine = std::find(view.own.begin(), view.own.end(), entry) != view.own.end();
      if (redirect.verdict != ir::Verdict::Redirect || !mine || redirect.ports.empty()) continue;
      if (redirect.parser == "tls" || redirect.parser == "crd") continue;
      if (!restricts(model.entry(entry), redirect.parser)) continue;
      for (std::size_t j = 0; j < part.rules.size(); ++j) {
        const ir::Rule& allow = part.rules[j];
        const std::size_t by = view.rule_entries[direction][j];
        if (allow.verdict != ir::Verdict::Allow || by == kNoEntry ||
            !matrix::stands_in(allow.answer, redirect.answer) ||
            !same_peers(view.policy, redirect, allow))
          continue;
        const bool open = std::all_of(
            redirect.ports.begin(), redirect.ports.end(),
            [&](const matrix::PortRange& range) { return opens(redirect, range, allow); });
        if (open && seen.insert(entry).second) view.voided.push_back({entry, by, redirect.parser});
      }
    }
  }
}

}  // namespace policyc::lint
