#include "compiler/verify/addresses.h"

#include <map>
#include <set>

#include "compiler/policy/l7/dns_pattern.h"

namespace policyc::verify {
namespace {

using policy::Label;
using policy::LabelSet;

constexpr std::size_t kMaxFreeUses = 10;

// Which entries of the subject name a peer, and which predicates of the object are true of it.
using Use = std::vector<bool>;

// DNS names whose answers hold one address.
struct Names {
  std::set<std::string> names;
  std::set<std::string> texts;  // the toFQDNs that they match
};

class AddressPlanner {
 public:
  AddressPlanner(const Model& model, const Subject& subject, const ir::Shape& shape, Plans& plans,
                 std::size_t limit)
      : model_(model),
        subject_(subject),
        shape_(shape),
        plans_(plans),
        limit_(limit),
        book_(model.cluster, model.resolved, model.agent) {}

  std::size_t run() {
    WorldPlan& first = *plans_.front();
    for (const bool v6 : {false, true}) {
      if (const auto address = first.free.take_outside(v6)) first.add_address(*address);
      if (const auto address = first.free.take_outside(v6))
        first.add_node(policy::NodeRole::KubeApiServerExternal, {}, *address);
    }
    add_prefixes(first);
    add_names();
    return left_out_;
  }

 private:
  Use use_of(const LabelSet& labels) const {
    Use out;
    for (const policy::Entry& entry : subject_.own.entries) {
      bool named = false;
      for (const policy::Selector& selector : entry.peers)
        named = named || selector.matches(labels);
      out.push_back(named);
    }
    for (const policy::Predicate& predicate : shape_.predicates)
      out.push_back(predicate.matches(labels));
    return out;
  }

  void add_prefixes(WorldPlan& first) {
    std::map<std::pair<bool, Use>, IpPrefix> by_use;
    for (const policy::PrefixLabels& entry : model_.resolved.prefixes) {
      const IpPrefix& prefix = entry.prefix;
      const auto address = first.free.take_inside(prefix);
      if (!address) continue;  // longer prefixes cover all of it
      first.add_address(*address);
      const bool is_new =
          by_use.try_emplace({address->v6, use_of(book_.address_labels(*address))}, prefix).second;
      if (is_new) used_prefixes_.push_back(prefix);
    }
    // The API server outside the cluster, and nodes where policies see their addresses.
    for (const IpPrefix& prefix : used_prefixes_) {
      in_some_plan(prefix, [](WorldPlan& plan, const IpAddress& address) {
        plan.add_node(policy::NodeRole::KubeApiServerExternal, {}, address);
      });
    }
    if (!model_.agent.cidr_match_nodes) return;
    for (const IpPrefix& prefix : used_prefixes_) {
      for (const policy::NodeRole role :
           {policy::NodeRole::RemoteNode, policy::NodeRole::KubeApiServer}) {
        in_some_plan(prefix, [role](WorldPlan& plan, const IpAddress& address) {
          plan.add_node(role, {}, address);
        });
      }
      // All addresses of the host are one identity: each prefix needs a host of its own.
      plans_.push_back(std::make_unique<WorldPlan>(model_, subject_, subject_.own));
      if (const auto address = plans_.back()->free.take_inside(prefix))
        plans_.back()->add_node(policy::NodeRole::Host, {}, *address);
    }
  }

  // An address in the prefix, in the first plan where one is left. The first plan's addresses are
  // never given to somebody else, and a single address can be only one peer in each plan.
  template <class Add>
  void in_some_plan(const IpPrefix& prefix, Add add) {
    for (std::size_t i = 0; i < plans_.size(); ++i) {
      if (const auto address = plans_[i]->free.take_inside(prefix))
        return add(*plans_[i], *address);
    }
    plans_.push_back(std::make_unique<WorldPlan>(model_, subject_, subject_.own));
    if (const auto address = plans_.back()->free.take_inside(prefix)) add(*plans_.back(), *address);
  }

  // --- names ---

  std::optional<std::string> name_for(const std::string& text) const {
    using policy::l7::DnsPattern;
    const auto pattern = DnsPattern::from_pattern(text, policy::l7::DnsPatternUse::Fqdn);
    for (const std::string_view filler : {"x", "x.y", "", "a1"}) {
      std::string name;
      for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '*') {
          name += text[i];
        } else if (i == 0 || text[i - 1] != '*') {
          name += filler;
        }
      }
      name = policy::l7::normalised_dns_name(name);
      if (pattern.matches(name)) return name;
    }
    return std::nullopt;
  }

  LabelSet labels_of(const Names& names, bool v6) const {
    LabelSet labels = book_.world_labels(v6);
    for (const std::string& text : names.texts) labels.add(Label{"fqdn", text, ""});
    return labels;
  }

  static Names united(const Names& a, const Names& b) {
    Names out = a;
    out.names.insert(b.names.begin(), b.names.end());
    out.texts.insert(b.texts.begin(), b.texts.end());
    return out;
  }

  std::vector<Names> single_names() const {
    std::set<std::string> asked;
    for (const auto direction : {policy::Direction::Ingress, policy::Direction::Egress}) {
      for (const policy::Selector* selector : peer_selectors(subject_, shape_, direction)) {
        for (const policy::Requirement& requirement : selector->requirements) {
          if (requirement.source == "fqdn") asked.insert(requirement.key);
        }
      }
    }
    std::vector<Names> out;
    for (const std::string& text : asked) {
      const auto name = name_for(text);
      if (!name) continue;  // no valid name matches
      Names one{{*name}, {}};
      for (const auto& [other, selector] : model_.resolved.fqdn_selectors) {
        const auto pattern =
            policy::l7::DnsPattern::from_pattern(other, policy::l7::DnsPatternUse::Fqdn);
        if (pattern.matches(*name)) one.texts.insert(other);
      }
      out.push_back(std::move(one));
    }
    return out;
  }

  // Sets of names that entries make different things of.
  std::vector<Names> combinations(const std::vector<Names>& representatives) {
    std::map<Use, Names> by_use;
    const auto add = [&](const Names& names) {
      const Use use = use_of(labels_of(names, false));
      if (by_use.contains(use)) return;
      if (by_use.size() >= limit_) {
        ++left_out_;
      } else {
        by_use.emplace(use, names);
      }
    };
    for (const Names& one : representatives) add(one);
    if (representatives.size() <= kMaxFreeUses) {
      for (const Names& one : representatives) {
        const auto before = by_use;
        for (const auto& [use, names] : before) add(united(names, one));
      }
    } else {
      Names all;
      for (std::size_t i = 0; i < representatives.size(); ++i) {
        all = united(all, representatives[i]);
        for (std::size_t j = 0; j < i; ++j) add(united(representatives[i], representatives[j]));
      }
      add(all);
    }
    std::vector<Names> out;
    for (const auto& [use, names] : by_use) out.push_back(names);
    return out;
  }

  static void answer(WorldPlan& plan, const Names& names, const IpAddress& address) {
    for (const std::string& name : names.names) plan.cluster.dns.edit()[name].push_back(address);
    plan.add_address(address);
  }

  void add_names() {
    const std::vector<Names> singles = single_names();
    if (singles.empty()) return;
    WorldPlan& first = *plans_.front();
    std::map<Use, Names> by_use;
    const auto add_everywhere = [&](const Names& names) {
      for (const bool v6 : {false, true}) {
        if (const auto address = first.free.take_outside(v6)) answer(first, names, *address);
      }
    };
    for (const Names& one : singles) {
      add_everywhere(one);
      by_use.try_emplace(use_of(labels_of(one, false)), one);
    }
    std::vector<Names> representatives;
    Names all;
    for (const auto& [use, names] : by_use) {
      representatives.push_back(names);
      all = united(all, names);
    }
    for (const Names& names : combinations(representatives)) {
      if (names.names.size() > 1) add_everywhere(names);
    }
    // Answers inside prefixes.
    if (representatives.size() > 1) representatives.push_back(all);
    std::size_t added = 0;
    for (const IpPrefix& prefix : used_prefixes_) {
      for (const Names& names : representatives) {
        if (added++ >= limit_) {
          ++left_out_;
          continue;
        }
        in_some_plan(prefix, [&names](WorldPlan& plan, const IpAddress& address) {
          answer(plan, names, address);
        });
      }
    }
  }

  const Model& model_;
  const Subject& subject_;
  const ir::Shape& shape_;
  Plans& plans_;
  std::size_t limit_;
  policy::AddressBook book_;
  std::vector<IpPrefix> used_prefixes_;  // one for each use and family
  std::size_t left_out_ = 0;
};

}  // namespace

std::size_t add_addresses(const Model& model, const Subject& subject, const ir::Shape& shape,
                          Plans& plans, std::size_t limit) {
  return AddressPlanner(model, subject, shape, plans, limit).run();
}

}  // namespace policyc::verify
