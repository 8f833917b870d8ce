// Peers: L-rows of spec section 3.1.

#include <array>

#include "compiler/policy/sanitize.h"
#include "compiler/policy/suggest.h"
#include "compiler/policy/text_format.h"

namespace policyc::policy {
namespace {

using diag::Id;

constexpr std::array<std::string_view, 13> kEntities{
    "all",         "world",  "cluster", "host",           "init",       "ingress",   "unmanaged",
    "remote-node", "health", "none",    "kube-apiserver", "world-ipv4", "world-ipv6"};
constexpr std::size_t kMaxFqdn = 255;

struct Member {
  std::string name;
  std::size_t size = 0;
  NodeId key;
};

template <class T>
std::size_t size_of(const OptionalList<T>& list) {
  return list ? list->size() : 0;
}

std::vector<Member> members_of(const RuleItem& item) {
  const std::string prefix = item.direction == Direction::Ingress ? "from" : "to";
  std::vector<Member> members{{prefix + "Endpoints", size_of(item.endpoints), item.endpoints_key},
                              {prefix + "CIDR", size_of(item.cidrs), item.cidrs_key},
                              {prefix + "CIDRSet", size_of(item.cidr_set), item.cidr_set_key},
                              {prefix + "Entities", size_of(item.entities), item.entities_key},
                              {prefix + "Nodes", size_of(item.nodes), item.nodes_key},
                              {prefix + "Groups", size_of(item.groups), item.groups_key}};
  if (item.direction == Direction::Egress) {
    members.push_back({"toServices", size_of(item.services), item.services_key});
    members.push_back({"toFQDNs", size_of(item.fqdns), item.fqdns_key});
  }
  std::erase_if(members, [](const Member& member) { return member.size == 0; });
  return members;
}

void sanitize_combination(const RuleItem& item, Refusals& refusals) {
  const std::vector<Member> members = members_of(item);
  if (members.size() < 2) return;
  auto& diagnostic =
      refusals.add(Id::CombinedPeers, members[1].key,
                   in_backticks(members[0].name) + " and " + in_backticks(members[1].name) +
                       " cannot be combined in one item",
                   "l3-combination");
  diagnostic.infos.push_back({members[0].key, in_backticks(members[0].name) + " is here"});
  diagnostic.help = "write two items: items are alternatives";
}

// A bare address, perhaps with a zone, which the agent takes where it asks for a prefix.
bool is_bare_address(std::string_view text) {
  const auto percent = text.find('%');
  if (percent == std::string_view::npos) return parse_ip_address(text).has_value();
  const auto address = parse_ip_address(text.substr(0, percent));
  return address && address->v6 && percent + 1 < text.size();
}

diag::Diagnostic& not_a_prefix(const LocatedString& text, Refusals& refusals) {
  auto& diagnostic = refusals.add(Id::InvalidCidr, text.node,
                                  in_backticks(text.value) + " is not a prefix", "cidr-syntax");
  const auto address = parse_ip_address(text.value);
  const auto sloppy = parse_sloppy_prefix(text.value);
  diagnostic.help =
      address  ? "did you mean " + in_backticks(host_prefix(*address).to_string()) + "?"
      : sloppy ? "write it without leading zeros: " + in_backticks(sloppy->to_string())
               : "expected an address, `/` and a length, such as `10.0.0.0/8`";
  return diagnostic;
}

void sanitize_cidrs(const std::vector<LocatedString>& cidrs, Refusals& refusals) {
  for (const LocatedString& cidr : cidrs) {
    if (cidr.value.empty()) {
      refusals.add(Id::EmptyCidr, cidr.node, "an empty prefix", "cidr-empty").help =
          "remove the element";
    } else if (!parse_ip_prefix(cidr.value) && !is_bare_address(cidr.value)) {
      not_a_prefix(cidr, refusals);
    }
  }
}

void sanitize_except(const LocatedString& cidr, const std::vector<LocatedString>& excepts,
                     Refusals& refusals) {
  const auto outer = parse_ip_prefix(cidr.value);
  if (!outer) {
    not_a_prefix(cidr, refusals);
    return;
  }
  for (const LocatedString& except : excepts) {
    const auto address = parse_prefix_address(except.value);
    if (!address) {
      not_a_prefix(except, refusals);
    } else if (!outer->contains(*address)) {
      auto& diagnostic =
          refusals.add(Id::ExceptNotContained, except.node,
                       in_backticks(except.value) + " is not inside " + in_backticks(cidr.value),
                       "except-not-contained");
      diagnostic.infos.push_back({cidr.node, "the prefix that it is taken from"});
    }
  }
}

void sanitize_cidr_rule(const CidrRule& rule, Sanitizer& sanitizer) {
  Refusals& refusals = sanitizer.refusals;
  const bool has_cidr = rule.cidr && !rule.cidr->value.empty();
  const bool has_reference = rule.group_ref && !rule.group_ref->value.empty();
  if (rule.group_selector) sanitize_cidr_group_selector(*rule.group_selector, sanitizer);
  const int given = int{has_cidr} + int{has_reference} + int{rule.group_selector.has_value()};
  if (given == 0) {
    refusals
        .add(Id::EmptyCidrRule, rule.node,
             "the element has none of `cidr`, `cidrGroupRef` and `cidrGroupSelector`",
             "cidrset-empty")
        .help = "give exactly one of them";
  } else if (given > 1) {
    refusals
        .add(Id::AmbiguousCidrRule, rule.node,
             "the element has several of `cidr`, `cidrGroupRef` and `cidrGroupSelector`",
             "cidrset-multiple")
        .help = "write one element for each";
  } else if (has_cidr) {
    sanitize_except(*rule.cidr, rule.except, refusals);
  }
}

void sanitize_entities(const std::vector<LocatedString>& entities, Refusals& refusals) {
  for (const LocatedString& entity : entities) {
    bool known = false;
    for (const std::string_view name : kEntities) known = known || name == entity.value;
    if (known) continue;
    const std::string word = nearest_word(entity.value, kEntities);
    refusals
        .add(Id::UnsupportedEntity, entity.node, in_backticks(entity.value) + " is not an entity",
             "entity")
        .help = word.empty() ? "labels are selected with fromEndpoints or toEndpoints"
                             : "did you mean " + in_backticks(word) + "?";
  }
}

bool only_of(std::string_view text, std::string_view more) {
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!plain && more.find(c) == std::string_view::npos) return false;
  }
  return true;
}

}  // namespace

void sanitize_fqdns(const std::vector<FqdnSelector>& selectors, bool both_allowed,
                    Sanitizer& sanitizer) {
  Refusals& refusals = sanitizer.refusals;
  for (const FqdnSelector& selector : selectors) {
    const std::string& name = selector.match_name.value;
    const std::string& pattern = selector.match_pattern.value;
    if (!both_allowed && !name.empty() && !pattern.empty()) {
      refusals
          .add(Id::FqdnBoth, selector.match_pattern.node,
               "`matchPattern` together with `matchName`", "fqdn")
          .help = "write two elements: they are alternatives";
    }
    if (!only_of(name, "-_.")) {
      refusals
          .add(Id::InvalidFqdn, selector.match_name.node, in_backticks(name) + " is not a DNS name",
               "fqdn")
          .help = name.find('*') != std::string::npos
                      ? "wildcards belong in `matchPattern`"
                      : "expected letters, digits, `-`, `_` and `.`";
    }
    if (!only_of(pattern, "-_.*")) {
      refusals
          .add(Id::InvalidFqdn, selector.match_pattern.node,
               in_backticks(pattern) + " is not a DNS pattern", "fqdn")
          .help = "expected letters, digits, `-`, `_`, `.` and `*`; it is not a regular expression";
    } else if (pattern.size() > kMaxFqdn) {
      refusals.add(Id::InvalidFqdn, selector.match_pattern.node,
                   "the DNS pattern has " + std::to_string(pattern.size()) +
                       " characters, at most " + std::to_string(kMaxFqdn) + " are allowed",
                   "fqdn");
    }
  }
}

void sanitize_peers(const RuleItem& item, Sanitizer& sanitizer) {
  Refusals& refusals = sanitizer.refusals;
  sanitize_combination(item, refusals);
  if (item.endpoints) {
    for (const LabelSelector& selector : *item.endpoints) sanitize_selector(selector, sanitizer);
  }
  if (item.nodes) {
    for (const LabelSelector& selector : *item.nodes) sanitize_selector(selector, sanitizer);
  }
  if (item.cidrs) sanitize_cidrs(*item.cidrs, refusals);
  if (item.cidr_set) {
    for (const CidrRule& rule : *item.cidr_set) sanitize_cidr_rule(rule, sanitizer);
  }
  if (item.entities) sanitize_entities(*item.entities, refusals);
  if (item.nodes && !item.nodes->empty() && !sanitizer.options.node_selector_labels) {
    refusals
        .add(Id::NodesDisabled, item.nodes_key,
             "node selectors, but the agent runs without node labels", "nodes-disabled")
        .help = "set enable-node-selector-labels";
  }
}

}  // namespace policyc::policy
