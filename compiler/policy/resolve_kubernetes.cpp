// networking.k8s.io/v1 NetworkPolicy to entries (spec section 8).

#include <algorithm>

#include "compiler/policy/resolve_context.h"

namespace policyc::policy {

namespace {

const std::string kNamespaceKey = "k8s." + std::string(kPodNamespaceKey);
const std::string kLocalClusterKey = "k8s." + std::string(kClusterKey);

void merge(ExtendedSelector& into, const ExtendedSelector& from) {
  into.match_labels.insert(from.match_labels.begin(), from.match_labels.end());
  into.expressions.insert(into.expressions.end(), from.expressions.begin(), from.expressions.end());
}

// The cluster that a podSelector names, or the local one.
void add_cluster(ExtendedSelector& selector, const Options& options) {
  if (!options.default_local_cluster) {
    return;
  }
  const auto label = selector.match_labels.find(kLocalClusterKey);
  const bool labelled = label != selector.match_labels.end() && !label->second.empty();
  const bool in_expression =
      std::any_of(selector.expressions.begin(), selector.expressions.end(),
                  [](const auto& expression) { return expression.key == kLocalClusterKey; });
  if (!labelled && !in_expression) {
    selector.match_labels[kLocalClusterKey] = options.cluster_name;
  }
}

class KubernetesResolver {
 public:
  KubernetesResolver(ResolveContext& context, const KubernetesPolicy& policy)
      : context_(context),
        policy_(policy),
        namespace_(policy.namespace_.value.empty() ? "default" : policy.namespace_.value) {}

  void run() {
    ExtendedSelector subject = extend_under(policy_.pod_selector, "k8s");
    subject.match_labels[kNamespaceKey] = namespace_;
    subject_ = checked_selector(context_, subject, policy_.pod_selector.node);
    const bool ingress_type = has_type("Ingress");
    const bool egress_type = has_type("Egress");
    for (std::size_t i = 0; i < policy_.ingress.size(); ++i) {
      add_rule(policy_.ingress[i], Direction::Ingress, "spec.ingress[" + std::to_string(i) + "]");
    }
    if (policy_.ingress.empty() && (ingress_type || !egress_type)) {
      add_isolation(Direction::Ingress);
    }
    for (std::size_t i = 0; i < policy_.egress.size(); ++i) {
      add_rule(policy_.egress[i], Direction::Egress, "spec.egress[" + std::to_string(i) + "]");
    }
    if (policy_.egress.empty() && egress_type) {
      add_isolation(Direction::Egress);
    }
    warn_ignored_types();
  }

 private:
  [[nodiscard]] bool has_type(std::string_view type) const {
    return policy_.policy_types &&
           std::any_of(policy_.policy_types->begin(), policy_.policy_types->end(),
                       [type](const LocatedString& written) { return written.value == type; });
  }

  void warn_ignored_types() {
    const auto warn = [this](bool rules, std::string_view type, const std::string& key) {
      if (rules && policy_.policy_types && !policy_.policy_types->empty() && !has_type(type)) {
        warn_bug(context_, diag::Id::PolicyTypesIgnored, policy_.policy_types->front().node,
                 "`policyTypes` lacks `" + std::string(type) + "`, yet Cilium applies the `" + key +
                     "` rules",
                 "", "remove the rules, or add `" + std::string(type) + "`");
      }
    };
    warn(!policy_.ingress.empty(), "Ingress", "ingress");
    warn(!policy_.egress.empty(), "Egress", "egress");
  }

  Entry new_entry(Direction direction, std::string path, NodeId node) {
    Entry entry;
    entry.direction = direction;
    entry.default_deny = true;
    entry.audited = policy_.audited;
    entry.subject = subject_;
    entry.policy_namespace = namespace_;
    entry.origin =
        Origin{PolicyKind::NetworkPolicy, namespace_, policy_.name.value, std::move(path), node};
    return entry;
  }

  void add_isolation(Direction direction) {
    Entry entry = new_entry(direction, "spec.policyTypes", policy_.node);
    entry.l3 = L3::Nothing;
    context_.out.entries.push_back(std::move(entry));
  }

  void add_rule(const KubernetesRule& rule, Direction direction, const std::string& path) {
    const EntryPorts ports = resolve_rule_ports(rule);
    const auto add = [&](std::vector<Selector> selectors, std::string entry_path, NodeId node) {
      Entry entry = new_entry(direction, std::move(entry_path), node);
      entry.l3 = selectors.empty() ? L3::Nothing : L3::Selectors;
      entry.peers = std::move(selectors);
      if (!rule.ports.empty()) {
        entry.has_l4 = true;
        entry.l4 = {ports};
      }
      context_.out.entries.push_back(std::move(entry));
    };
    if (rule.peers.empty()) {
      add({wildcard_selector()}, path, rule.node);
      return;
    }
    const std::string list = direction == Direction::Ingress ? ".from[" : ".to[";
    for (std::size_t i = 0; i < rule.peers.size(); ++i) {
      const KubernetesPeer& peer = rule.peers[i];
      add(resolve_peer(peer, direction), path + list + std::to_string(i) + "]", peer.node);
    }
  }

  EntryPorts resolve_rule_ports(const KubernetesRule& rule) {
    EntryPorts out;
    out.node = rule.node;
    for (const KubernetesPort& port : rule.ports) {
      PortSpec spec;
      spec.node = port.node;
      const auto protocol =
          parse_protocol(port.protocol.value.empty() ? "TCP" : port.protocol.value);
      if (!protocol || *protocol == Protocol::Any) {
        context_.diagnostics.report(diag::Id::InvalidPort, port.protocol.node,
                                    "`" + port.protocol.value + "` is not a protocol");
        continue;
      }
      spec.protocol = *protocol;
      const auto number = parse_port_number(port.port.value);
      if (number) {
        spec.port = *number;
      } else if (!port.port.value.empty()) {
        spec.name = port.port.value;
      }
      if (port.end_port) {
        spec.end_port =
            static_cast<std::uint16_t>(std::clamp<std::int64_t>(port.end_port->value, 0, 0xffff));
      }
      out.ports.push_back(std::move(spec));
    }
    return out;
  }

  // Pods of the policy's own namespace in the local cluster.
  Selector own_namespace() {
    ExtendedSelector selector;
    selector.match_labels[kNamespaceKey] = namespace_;
    add_cluster(selector, context_.options);
    return to_selector(selector);
  }

  std::vector<Selector> resolve_peer(const KubernetesPeer& peer, Direction direction) {
    std::vector<Selector> selectors;
    if (peer.pod_selector || peer.namespace_selector) {
      selectors.push_back(pods(peer));
    } else if (direction == Direction::Ingress && context_.options.default_local_cluster) {
      selectors.push_back(own_namespace());
      warn_bug(context_, diag::Id::IpBlockAllowsNamespace, peer.node,
               "Cilium 1.19.4 also allows every pod of namespace `" + namespace_ +
                   "` for an ingress peer without `podSelector` and `namespaceSelector`",
               "cilium/cilium#46305, fixed in 1.19.5",
               "use a CiliumNetworkPolicy with `fromCIDRSet`");
    }
    if (peer.ip_block) {
      if (auto selector = resolve_cidr_rule(context_, *peer.ip_block, false)) {
        selectors.push_back(std::move(*selector));
      }
    }
    return selectors;
  }

  Selector pods(const KubernetesPeer& peer) {
    ExtendedSelector selector;
    if (peer.pod_selector) {
      selector = extend_under(*peer.pod_selector, "k8s");
      add_cluster(selector, context_.options);
    } else if (context_.options.default_local_cluster) {
      selector.match_labels[kLocalClusterKey] = context_.options.cluster_name;
    }
    if (!peer.namespace_selector) {
      selector.match_labels[kNamespaceKey] = namespace_;
      return checked_selector(context_, selector, peer.node);
    }
    const ExtendedSelector namespaces =
        extend_under(*peer.namespace_selector, "k8s", kNamespaceLabelsPrefix);
    if (namespaces.match_labels.empty() && namespaces.expressions.empty()) {
      selector.expressions.push_back({kNamespaceKey, "Exists", {}});
    } else {
      merge(selector, namespaces);
    }
    return checked_selector(context_, selector, peer.node);
  }

  ResolveContext& context_;
  const KubernetesPolicy& policy_;
  std::string namespace_;
  Selector subject_;
};

}  // namespace

void resolve_kubernetes_policy(ResolveContext& context, const KubernetesPolicy& policy) {
  KubernetesResolver(context, policy).run();
}

}  // namespace policyc::policy
