#include <algorithm>
#include <map>
#include <set>

#include "compiler/lint/dns.h"
#include "compiler/lint/look.h"
#include "compiler/lint/peer.h"
#include "compiler/lint/rules.h"
#include "compiler/lint/subject.h"

namespace policyc::lint {
namespace {

using Applying = std::vector<const policy::Entry*>;

Applying applying_to(const EndpointClass& one, const Applying& candidates) {
  Applying found;
  for (const policy::Entry* entry : candidates) {
    if (entry->direction == policy::Direction::Egress && !entry->subject_is_node &&
        entry->subject.matches(one.labels))
      found.push_back(entry);
  }
  return found;
}

// The endpoint may go somewhere, but not ask where that is.
bool is_blocked(const Applying& entries, const std::vector<policy::LabelSet>& resolvers) {
  const bool default_deny = std::any_of(entries.begin(), entries.end(), [](const auto* entry) {
    return entry->default_deny && !entry->audited;
  });
  if (!default_deny) return false;
  return std::none_of(entries.begin(), entries.end(),
                      [&](const policy::Entry* entry) { return allows_dns(*entry, resolvers); });
}

bool is_ping(const policy::EntryPorts& element) {
  return std::all_of(element.ports.begin(), element.ports.end(), [](const policy::PortSpec& port) {
    return port.protocol == policy::Protocol::Icmp || port.protocol == policy::Protocol::IcmpV6;
  });
}

// Peers that are reached by name: pods, services, names. Rules for addresses need no DNS.
bool needs_names(const policy::Entry& entry) {
  if (entry.deny || entry.l3 == policy::L3::Nothing) return false;
  if (entry.has_l4 && std::all_of(entry.l4.begin(), entry.l4.end(), is_ping)) return false;
  if (entry.l3 == policy::L3::Empty) return entry.has_l4;
  return std::any_of(entry.peers.begin(), entry.peers.end(), [](const policy::Selector& peer) {
    return std::none_of(peer.requirements.begin(), peer.requirements.end(),
                        [](const policy::Requirement& requirement) {
                          return requirement.source == "cidr" || requirement.source == "cidrgroup";
                        });
  });
}

void report(const Model& model, const SpecView& spec, const policy::Entry& allow,
            const std::string& who, Findings& findings) {
  (void)model;
  findings
      .add(spec.object, allow.origin.node,
           who +
               " may connect to this peer, but not to the cluster's DNS: egress is denied by "
               "default and nothing allows port 53")
      .help =
      "allow `toEndpoints` with `k8s:io.kubernetes.pod.namespace: kube-system` and "
      "`k8s-app: kube-dns` on port 53, UDP and TCP";
}

void check(const Model& model, Findings& findings) {
  if (!model.has_endpoints()) return;
  const auto resolvers = resolver_labels(model);
  std::map<std::string, Applying> by_namespace;
  std::set<const SpecView*> reported;
  for (const EndpointClass& one : model.classes()) {
    if (one.kind != policy::EndpointKind::Pod) continue;
    const auto [at, fresh] = by_namespace.try_emplace(one.namespace_);
    if (fresh) at->second = model.candidates(one.namespace_);
    const Applying entries = applying_to(one, at->second);
    if (!is_blocked(entries, resolvers)) continue;
    for (const policy::Entry* entry : entries) {
      const SpecView* spec = model.spec_of(model.index_of(entry));
      if (spec == nullptr || !needs_names(*entry) || !reported.insert(spec).second) continue;
      report(model, *spec, *entry, "pod " + diag::quoted(one.members.front()->full_name()),
             findings);
    }
  }
}

// Where no pods are known: what the policies that surely apply say.
void check_subject(const Model& model, const SubjectView& view, Findings& findings) {
  const SpecView* first = model.spec_of(view.own.front());
  const bool judged_by_pods = view.namespace_.empty() || first == nullptr
                                  ? model.has_endpoints()
                                  : model.knows_pods(*first, view.namespace_);
  if (judged_by_pods || view.is_node || !is_about_pods(model, *view.selector)) return;
  const auto& entries = view.entries[static_cast<std::size_t>(policy::Direction::Egress)];
  if (!is_blocked(entries, resolver_labels(model))) return;
  std::set<const SpecView*> reported;
  for (const std::size_t index : view.own) {
    const policy::Entry& entry = model.entry(index);
    const SpecView* spec = model.spec_of(index);
    if (entry.direction != policy::Direction::Egress || spec == nullptr || !needs_names(entry) ||
        !reported.insert(spec).second)
      continue;
    report(model, *spec, entry, "what " + called(*spec) + " selects", findings);
  }
}

}  // namespace

constinit const Rule kBlockedDns{
    .id = "PL0013",
    .name = "blocked-dns",
    .severity = diag::Severity::Warning,
    .summary = "egress is denied by default, something is allowed, and DNS is not",
    .what =
        "Endpoints in egress default deny that may connect to pods, services, names or "
        "entities, while no policy that applies to them lets queries through: port 53 of any "
        "peer, or every port of a peer that may be the resolver (kube-dns, CoreDNS, the node). "
        "With an inventory each pod is judged with all of its policies, without one the "
        "policies that surely apply to what a policy selects. Endpoints that may only connect "
        "to addresses, or to nothing, are left alone.",
    .why =
        "The first egress policy of a namespace usually breaks name resolution, and with it "
        "everything that the policy allows.",
    .example = R"(spec:
  endpointSelector: {matchLabels: {app: web}}
  egress:
  - toEndpoints: [{matchLabels: {app: db}}]        # PL0013: by which address?
    toPorts: [{ports: [{port: "5432", protocol: TCP}]}]
)",
    .repair =
        "Allow `toEndpoints: [{matchLabels: {k8s:io.kubernetes.pod.namespace: kube-system, "
        "k8s-app: kube-dns}}]` with `toPorts` 53 UDP and TCP; once for a namespace or the "
        "cluster is enough.",
    .check = check,
    .check_subject = check_subject,
};

}  // namespace policyc::lint
