#include "compiler/lint/dns.h"

#include <algorithm>

namespace policyc::lint {
namespace {

constexpr std::uint16_t kDnsPort = 53;

bool looks_like_resolver(const policy::Endpoint& endpoint) {
  const auto has = [&endpoint](const std::string& key, std::string_view value) {
    const auto found = endpoint.labels.find(key);
    return found != endpoint.labels.end() && found->second == value;
  };
  return has("k8s-app", "kube-dns") || has("k8s-app", "coredns") ||
         has("app.kubernetes.io/name", "coredns") || has("k8s-app", "node-local-dns") ||
         has("dns.operator.openshift.io/daemonset-dns", "default");
}

policy::LabelSet usual_resolver(const Model& model) {
  const policy::StringMap labels{{"k8s-app", "kube-dns"}};
  const policy::StringMap name_space{{"kubernetes.io/metadata.name", "kube-system"}};
  return policy::pod_identity_labels(labels, name_space, "kube-system", "coredns",
                                     model.in().agent.cluster_name, model.in().agent.labels);
}

bool names_dns_port(const policy::PortSpec& port) {
  if (port.protocol != policy::Protocol::Udp && port.protocol != policy::Protocol::Any)
    return false;
  if (!port.name.empty()) return port.name == "dns" || port.name == "dns-udp";
  if (port.port == 0) return false;
  return port.port == kDnsPort || (port.port < kDnsPort && port.end_port >= kDnsPort) ||
         port.port == 5353 || port.port == 8053;  // CoreDNS that listens without privileges
}

bool all_udp(const policy::PortSpec& port) {
  return port.name.empty() && port.port == 0 &&
         (port.protocol == policy::Protocol::Udp || port.protocol == policy::Protocol::Any);
}

template <class Test>
bool any_port(const policy::Entry& entry, Test test) {
  return std::any_of(entry.l4.begin(), entry.l4.end(), [&](const policy::EntryPorts& element) {
    return std::any_of(element.ports.begin(), element.ports.end(), test);
  });
}

}  // namespace

std::vector<policy::LabelSet> resolver_labels(const Model& model) {
  std::vector<policy::LabelSet> found;
  for (const EndpointClass& one : model.classes()) {
    if (looks_like_resolver(*one.members.front())) found.push_back(one.labels);
  }
  if (found.empty() || !model.in().complete_inventory) found.push_back(usual_resolver(model));
  // A resolver on the node itself.
  found.push_back(model.book().entity_labels("host"));
  return found;
}

bool allows_dns(const policy::Entry& entry, const std::vector<policy::LabelSet>& resolvers) {
  if (entry.deny || entry.direction != policy::Direction::Egress || entry.l3 == policy::L3::Nothing)
    return false;
  if (any_port(entry, names_dns_port)) return true;
  if (entry.has_l4 && !any_port(entry, all_udp)) return false;
  if (entry.l3 == policy::L3::Empty) return entry.has_l4;
  return std::any_of(entry.peers.begin(), entry.peers.end(), [&](const policy::Selector& peer) {
    return std::any_of(resolvers.begin(), resolvers.end(),
                       [&](const policy::LabelSet& labels) { return peer.matches(labels); });
  });
}

std::vector<const policy::FqdnSelector*> dns_rules(const policy::Entry& entry) {
  std::vector<const policy::FqdnSelector*> found;
  for (const policy::EntryPorts& element : entry.l4) {
    if (!element.rules || !element.rules->dns) continue;
    for (const policy::FqdnSelector& rule : *element.rules->dns) found.push_back(&rule);
  }
  return found;
}

}  // namespace policyc::lint
