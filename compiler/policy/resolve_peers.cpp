// The L3 part of an item (spec sections 4.4, 4.5, 5).

#include <algorithm>

#include "compiler/policy/entities.h"
#include "compiler/policy/resolve_context.h"

namespace policyc::policy {

namespace {

template <class T>
bool present_and_empty(const OptionalList<T>& list) {
  return list && list->empty();
}

template <class T>
bool has_elements(const OptionalList<T>& list) {
  return list && !list->empty();
}

class PeerResolver {
 public:
  PeerResolver(ResolveContext& context, const RuleItem& item, const ItemScope& scope)
      : context_(context), item_(item), scope_(scope) {}

  ResolvedPeers run() {
    if (present_and_empty(item_.endpoints) || present_and_empty(item_.nodes) ||
        present_and_empty(item_.entities) || present_and_empty(item_.cidrs) ||
        present_and_empty(item_.cidr_set)) {
      return {L3::Nothing, {}};
    }
    add_endpoints();
    add_nodes();
    add_entities();
    add_cidrs();
    add_fqdns();
    add_services();
    if (!out_.selectors.empty()) {
      out_.l3 = L3::Selectors;
    } else if (out_.l3 == L3::Empty && has_l4()) {
      warn_wildcard();
    }
    return std::move(out_);
  }

 private:
  [[nodiscard]] bool has_l4() const {
    return has_elements(item_.ports) || has_elements(item_.icmps);
  }

  void add(Selector selector) { out_.selectors.push_back(std::move(selector)); }

  void add_endpoints() {
    if (!item_.endpoints) {
      return;
    }
    for (const LabelSelector& written : *item_.endpoints) {
      ExtendedSelector selector = extend(written);
      scope_peer(selector, scope_.peers, context_.options);
      add(checked_selector(context_, selector, written.node));
      warn_when_negative(out_.selectors.back(), written.node);
    }
  }

  void warn_when_negative(const Selector& selector, NodeId node) {
    const bool negative = !selector.requirements.empty() &&
                          std::all_of(selector.requirements.begin(), selector.requirements.end(),
                                      [](const Requirement& requirement) {
                                        return requirement.op == Operator::NotIn ||
                                               requirement.op == Operator::DoesNotExist;
                                      });
    if (negative) {
      warn_bug(context_, diag::Id::NegativeSelectorSelectsWorld, node,
               "the selector only says what a peer must not be: it selects the world, hosts and "
               "nodes as well as pods",
               "cilium/cilium#46949", "add a requirement that pods fulfil, such as a namespace");
    }
  }

  void add_nodes() {
    if (!item_.nodes) {
      return;
    }
    for (const LabelSelector& written : *item_.nodes) {
      ExtendedSelector selector = extend(written);
      scope_nodes(selector, context_.options);
      add(checked_selector(context_, selector, written.node));
    }
  }

  void add_entities() {
    if (!item_.entities) {
      return;
    }
    for (const LocatedString& entity : *item_.entities) {
      auto selectors = entity_selectors(entity.value, context_.options);
      if (selectors.empty()) {
        context_.diagnostics.report(diag::Id::UnknownEntity, entity.node,
                                    "`" + entity.value + "` is not an entity");
        out_.l3 = L3::Nothing;
      }
      std::move(selectors.begin(), selectors.end(), std::back_inserter(out_.selectors));
    }
  }

  void add_cidr_rule(const CidrRule& rule) {
    if (auto selector = resolve_cidr_rule(context_, rule, item_.deny)) {
      add(std::move(*selector));
    } else {
      out_.l3 = L3::Nothing;  // never a wildcard because of something not understood
    }
  }

  void add_cidrs() {
    if (item_.cidrs) {
      for (const LocatedString& cidr : *item_.cidrs) {
        CidrRule rule;
        rule.cidr = cidr;
        rule.node = cidr.node;
        add_cidr_rule(rule);
      }
    }
    if (item_.cidr_set) {
      for (const CidrRule& rule : *item_.cidr_set) {
        add_cidr_rule(rule);
      }
    }
  }

  void add_fqdns() {
    if (!item_.fqdns) {
      return;
    }
    for (const FqdnSelector& fqdn : *item_.fqdns) {
      const std::string& text =
          fqdn.match_name.value.empty() ? fqdn.match_pattern.value : fqdn.match_name.value;
      Selector selector{{{"fqdn", text, Operator::Exists, {}}}, "fqdn " + text};
      const bool known =
          std::any_of(context_.out.fqdn_selectors.begin(), context_.out.fqdn_selectors.end(),
                      [&](const auto& item) { return item.first == text; });
      if (!known) {
        context_.out.fqdn_selectors.emplace_back(text, selector);
      }
      add(std::move(selector));
    }
  }

  void add_services() {
    if (!has_elements(item_.services)) {
      return;
    }
    if (item_.deny) {
      warn_bug(
          context_, diag::Id::ServicesIgnoredInDeny, item_.services_key,
          "`toServices` is never resolved in `egressDeny`: " + effect_without_peers("denied"), "",
          "deny the pods behind the service with `toEndpoints`, or its addresses with `toCIDRSet`");
      return;
    }
    auto selectors = resolve_services(context_, *item_.services);
    if (selectors.empty()) {
      warn_bug(context_, diag::Id::ServicesMatchNothing, item_.services_key,
               "`toServices` matches no service with pods or backends: " +
                   effect_without_peers("allowed"),
               "", "check the service's name, namespace and labels");
    }
    std::move(selectors.begin(), selectors.end(), std::back_inserter(out_.selectors));
  }

  [[nodiscard]] std::string effect_without_peers(const std::string& verdict) const {
    return has_l4() ? "every destination is " + verdict + " on the ports of this item"
                    : "the item selects no destination";
  }

  // `toFQDNs: []` and the like read as "nobody" but mean "everybody".
  void warn_wildcard() {
    const auto warn = [this](bool empty_list, NodeId node, const std::string& key) {
      if (empty_list) {
        warn_bug(
            context_, diag::Id::EmptyListSelectsAll, node,
            "an empty `" + key + "` counts as absent: the ports of this item apply to every peer",
            "", "leave the item out, or name a peer");
      }
    };
    warn(present_and_empty(item_.fqdns), item_.fqdns_key, "toFQDNs");
    warn(present_and_empty(item_.services), item_.services_key, "toServices");
    warn(present_and_empty(item_.groups), item_.groups_key,
         item_.direction == Direction::Ingress ? "fromGroups" : "toGroups");
  }

  ResolveContext& context_;
  const RuleItem& item_;
  const ItemScope& scope_;
  ResolvedPeers out_;
};

}  // namespace

ResolvedPeers resolve_peers(ResolveContext& context, const RuleItem& item, const ItemScope& scope) {
  return PeerResolver(context, item, scope).run();
}

}  // namespace policyc::policy
