// Policies to entries (spec section 6.1).

#include <algorithm>
#include <array>
#include <iterator>
#include <string_view>
#include <tuple>

#include "compiler/policy/resolve_context.h"
#include "compiler/policy/resolve_parts.h"

namespace policyc::policy {

namespace {

template <class T>
std::size_t count(const OptionalList<T>& list) {
  return list ? list->size() : 0;
}

bool has_groups(const OptionalList<RuleItem>& items) {
  return items && std::any_of(items->begin(), items->end(),
                              [](const RuleItem& item) { return count(item.groups) > 0; });
}

NodeId groups_place(const Rule& rule) {
  for (const auto* items : {&rule.ingress, &rule.ingress_deny, &rule.egress, &rule.egress_deny}) {
    if (*items) {
      for (const RuleItem& item : **items) {
        if (count(item.groups) > 0) {
          return item.groups_key;
        }
      }
    }
  }
  return rule.node;
}

// An unknown mode (static files only) means no authentication.
std::optional<AuthType> auth_type(const std::optional<Authentication>& authentication) {
  if (!authentication) {
    return std::nullopt;
  }
  const std::string& mode = authentication->mode.value;
  if (mode == "disabled") {
    return AuthType::Disabled;
  }
  if (mode == "required") {
    return AuthType::Spire;
  }
  if (mode == "test-always-fail") {
    return AuthType::AlwaysFail;
  }
  return std::nullopt;
}

class RuleResolver {
 public:
  RuleResolver(ResolveContext& context, const CiliumPolicy& policy, const Rule& rule,
               std::string path)
      : context_(context), policy_(policy), rule_(rule), path_(std::move(path)) {}

  void run() {
    if (!rule_.endpoint_selector && !rule_.node_selector) {
      return;  // sanitize refuses it; nothing is selected
    }
    const LabelSelector& written =
        rule_.node_selector ? *rule_.node_selector : *rule_.endpoint_selector;
    ExtendedSelector subject = extend(written);
    subject_has_reserved_init_ = subject.has_key_prefix("reserved", "init");
    if (!rule_.node_selector) {
      scope_subject(subject, policy_.namespace_.value);
    }
    subject_ = checked_selector(context_, subject, written.node);
    add_items(rule_.ingress, "ingress", ingress_default_deny());
    add_items(rule_.ingress_deny, "ingressDeny", ingress_default_deny());
    add_items(rule_.egress, "egress", egress_default_deny());
    add_items(rule_.egress_deny, "egressDeny", egress_default_deny());
    warn_useless_flag(rule_.default_deny_ingress, count(rule_.ingress) + count(rule_.ingress_deny),
                      "ingress");
    warn_useless_flag(rule_.default_deny_egress, count(rule_.egress) + count(rule_.egress_deny),
                      "egress");
  }

 private:
  // Every item of a direction has the flag of the direction; without items there is no entry to
  // carry it.
  [[nodiscard]] bool default_deny(const std::optional<Located<bool>>& written) const {
    return !context_.options.non_default_deny || !written || written->value;
  }
  [[nodiscard]] bool ingress_default_deny() const {
    return default_deny(rule_.default_deny_ingress);
  }
  [[nodiscard]] bool egress_default_deny() const { return default_deny(rule_.default_deny_egress); }

  void warn_useless_flag(const std::optional<Located<bool>>& written, std::size_t items,
                         const std::string& direction) {
    if (written && written->value && items == 0) {
      warn_bug(context_, diag::Id::DefaultDenyWithoutItems, written->node,
               "`enableDefaultDeny." + direction + ": true` has no effect without an " + direction +
                   " item",
               "", "add `" + direction + ": [{}]` to deny by default");
    }
  }

  void add_items(const OptionalList<RuleItem>& items, const std::string& key,
                 bool default_deny_flag) {
    if (!items) {
      return;
    }
    for (std::size_t i = 0; i < items->size(); ++i) {
      add_item((*items)[i], path_ + "." + key + "[" + std::to_string(i) + "]", default_deny_flag);
    }
  }

  void add_item(const RuleItem& item, std::string path, bool default_deny_flag) {
    Entry entry;
    entry.direction = item.direction;
    entry.deny = item.deny;
    entry.default_deny = default_deny_flag;
    entry.audited = policy_.audited;
    entry.subject = subject_;
    entry.subject_is_node = rule_.node_selector.has_value();
    entry.policy_namespace = policy_.namespace_.value;
    entry.origin = Origin{policy_.kind, policy_.namespace_.value, policy_.name.value,
                          std::move(path), item.node};
    entry.log = rule_.log.value;
    entry.auth = item.deny ? std::nullopt : auth_type(item.authentication);
    const ItemScope scope{{policy_.namespace_.value, subject_has_reserved_init_}, entry.origin};
    ResolvedPeers peers = resolve_peers(context_, item, scope);
    entry.l3 = peers.l3;
    entry.peers = std::move(peers.selectors);
    entry.has_l4 = count(item.ports) + count(item.icmps) > 0;
    entry.l4 = resolve_ports(context_, item, policy_.kind);
    context_.out.entries.push_back(std::move(entry));
  }

  ResolveContext& context_;
  const CiliumPolicy& policy_;
  const Rule& rule_;
  std::string path_;
  Selector subject_;
  bool subject_has_reserved_init_ = false;
};

}  // namespace

void warn_bug(diag::Engine& diagnostics, diag::Id id, NodeId node, std::string message,
              const std::string& upstream, const std::string& help) {
  diag::Diagnostic& diagnostic = diagnostics.report(id, node, std::move(message));
  diagnostic.help = upstream.empty() ? help : help + " (" + upstream + ")";
}

void warn_bug(ResolveContext& context, diag::Id id, NodeId node, std::string message,
              const std::string& upstream, const std::string& help) {
  warn_bug(context.diagnostics, id, node, std::move(message), upstream, help);
}

Selector checked_selector(ResolveContext& context, const ExtendedSelector& selector, NodeId node) {
  bool broken = false;
  Selector out = to_selector(selector, &broken);
  if (broken) {
    warn_bug(context, diag::Id::BrokenSelectorSelectsAll, node,
             "the selector is not valid once keys carry their source: Cilium 1.19.4 then selects "
             "every identity",
             "cilium/cilium#47817",
             "use keys of at most 59 characters, of namespace labels at most 28");
  }
  return out;
}

void resolve_cilium_policy(ResolveContext& context, const CiliumPolicy& policy) {
  std::vector<std::pair<const Rule*, std::string>> rules;
  if (policy.spec) {
    rules.emplace_back(&*policy.spec, "spec");
  }
  for (std::size_t i = 0; i < count(policy.specs); ++i) {
    rules.emplace_back(&(*policy.specs)[i], "specs[" + std::to_string(i) + "]");
  }
  for (const auto& [rule, path] : rules) {
    if (has_groups(rule->ingress) || has_groups(rule->ingress_deny) || has_groups(rule->egress) ||
        has_groups(rule->egress_deny)) {
      context.diagnostics
          .report(diag::Id::GroupsSkipped, groups_place(*rule),
                  "agents skip the whole policy `" + policy.name.value +
                      "` because it names cloud provider groups")
          .help = "the operator writes a derived policy with addresses; give that one to policyc";
      return;
    }
  }
  for (const auto& [rule, path] : rules) {
    RuleResolver(context, policy, *rule, path).run();
  }
}

namespace {

// Cilium sorts the rules of an endpoint by the name of their object: "cnp/ns/name", "ccnp//name",
// "netpol/ns/name". It shows where the first statement of a filter counts for all (spec
// section 3.3).
auto object_order(const Origin& origin) {
  static constexpr std::array<std::string_view, 3> kKinds = {"cnp", "ccnp", "netpol"};
  return std::tuple(kKinds[static_cast<std::size_t>(origin.kind)],
                    std::string_view(origin.namespace_), std::string_view(origin.name));
}

// One policy with nothing before it.
template <class Policy>
Resolved resolve_alone(void (*resolve_policy)(ResolveContext&, const Policy&), const Policy& policy,
                       const PolicySet& all, const Cluster& cluster, const Options& options,
                       diag::Engine& diagnostics) {
  Resolved out;
  ResolveContext context{all, cluster, options, diagnostics, out};
  resolve_policy(context, policy);
  context.finish();
  return out;
}

}  // namespace

void ResolveContext::finish() {
  for (auto& [prefix, labels] : prefixes) {
    out.prefixes.push_back({prefix, std::move(labels)});
  }
  prefixes.clear();
}

Resolved resolve_one(const CiliumPolicy& policy, const PolicySet& all, const Cluster& cluster,
                     const Options& options, diag::Engine& diagnostics) {
  return resolve_alone(resolve_cilium_policy, policy, all, cluster, options, diagnostics);
}

Resolved resolve_one(const KubernetesPolicy& policy, const PolicySet& all, const Cluster& cluster,
                     const Options& options, diag::Engine& diagnostics) {
  return resolve_alone(resolve_kubernetes_policy, policy, all, cluster, options, diagnostics);
}

std::vector<PrefixLabels> resolve_groups(const PolicySet& all, const Options& options,
                                         diag::Engine& diagnostics) {
  const Cluster nothing;
  Resolved out;
  ResolveContext context{all, nothing, options, diagnostics, out};
  resolve_cidr_groups(context);
  context.finish();
  return std::move(out.prefixes);
}

bool stands_before(const Origin& a, const Origin& b) { return object_order(a) < object_order(b); }

void add_prefixes(std::vector<PrefixLabels>& all, const std::vector<PrefixLabels>& more) {
  std::vector<PrefixLabels> merged;
  merged.reserve(all.size() + more.size());
  auto left = all.begin();
  for (const PrefixLabels& one : more) {
    while (left != all.end() && left->prefix < one.prefix) merged.push_back(std::move(*left++));
    if (left == all.end() || left->prefix != one.prefix) {
      merged.push_back(one);
      continue;
    }
    merged.push_back(std::move(*left++));
    for (const Label& label : one.labels.all()) merged.back().labels.add(label);
  }
  std::move(left, all.end(), std::back_inserter(merged));
  all = std::move(merged);
}

void warn_special_pod_labels(const Cluster& cluster, const Options& options,
                             diag::Engine& diagnostics) {
  for (const Endpoint& endpoint : cluster.endpoints) {
    if (endpoint.kind != EndpointKind::Pod) {
      continue;
    }
    if (endpoint.labels.contains("host") && !options.host_firewall) {
      warn_bug(diagnostics, diag::Id::HostLabelDisablesPolicy, NodeId{},
               "pod `" + endpoint.full_name() +
                   "` has a label `host`: Cilium takes it for the host and enforces no policy",
               "cilium/cilium#48027", "rename the label");
    }
    if (endpoint.labels.contains("init")) {
      warn_bug(diagnostics, diag::Id::InitLabelForcesPolicy, NodeId{},
               "pod `" + endpoint.full_name() +
                   "` has a label `init`: Cilium denies its traffic by default",
               "cilium/cilium#48027", "rename the label");
    }
  }
}

Resolved resolve(const PolicySet& policies, const Cluster& cluster, const Options& options,
                 diag::Engine& diagnostics) {
  Resolved out;
  ResolveContext context{policies, cluster, options, diagnostics, out};
  resolve_cidr_groups(context);
  for (const CiliumPolicy& policy : policies.cilium) {
    resolve_cilium_policy(context, policy);
  }
  for (const KubernetesPolicy& policy : policies.kubernetes) {
    resolve_kubernetes_policy(context, policy);
  }
  std::stable_sort(out.entries.begin(), out.entries.end(), [](const Entry& a, const Entry& b) {
    return object_order(a.origin) < object_order(b.origin);
  });
  if (!out.entries.empty()) {
    warn_special_pod_labels(cluster, options, diagnostics);
  }
  context.finish();
  return out;
}

}  // namespace policyc::policy
