#include <algorithm>
#include <map>
#include <unordered_map>

#include "compiler/lint/look.h"
#include "compiler/lint/port_cost.h"
#include "compiler/lint/rules.h"

namespace policyc::lint {
namespace {

// Identities that selectors choose from: pods by namespace, and everything else of the IP cache.
class Identities {
 public:
  explicit Identities(const Model& model) : model_(model) {
    std::vector<policy::LabelSet> others;
    for (const auto& cached : model.book().entries()) {
      if (cached.labels.has_key(policy::kPodNamespaceKey)) continue;
      others.push_back(cached.labels);
    }
    std::sort(others.begin(), others.end());
    others.erase(std::unique(others.begin(), others.end()), others.end());
    others_ = std::move(others);
  }

  // How many a selector selects; asked once for each selector.
  std::size_t count(const policy::Selector& selector) {
    const auto [at, fresh] = known_.try_emplace(selector.text, 0);
    if (!fresh) return at->second;
    std::size_t found = model_.matching(selector).size();
    if (!namespaces_of(selector)) {
      found += static_cast<std::size_t>(
          std::count_if(others_.begin(), others_.end(),
                        [&](const policy::LabelSet& labels) { return selector.matches(labels); }));
    }
    // A peer that does not exist yet will be one identity at least.
    at->second = std::max<std::size_t>(found, 1);
    return at->second;
  }

 private:
  const Model& model_;
  std::vector<policy::LabelSet> others_;
  std::unordered_map<std::string, std::size_t> known_;
};

std::size_t keys_of(const policy::Entry& entry) {
  if (!entry.has_l4) return 1;
  std::size_t keys = 0;
  for (const policy::EntryPorts& element : entry.l4) {
    for (const policy::PortSpec& port : element.ports)
      keys += port.end_port > port.port ? port_prefixes(port.port, port.end_port) : 1;
  }
  return keys;
}

struct Cost {
  std::size_t entries = 0;
  std::size_t largest = 0;
  const policy::Entry* most = nullptr;
};

void add(Cost& cost, const policy::Entry& entry, Identities& identities) {
  if (entry.l3 == policy::L3::Nothing) return;
  std::size_t peers = 1;  // every peer is one identity, 0
  const bool everybody = std::any_of(entry.peers.begin(), entry.peers.end(),
                                     [](const auto& peer) { return peer.matches_everything(); });
  if (entry.l3 == policy::L3::Selectors && !everybody) {
    peers = 0;
    for (const policy::Selector& peer : entry.peers) peers += identities.count(peer);
  }
  const std::size_t here = peers * keys_of(entry);
  cost.entries += here;
  if (here > cost.largest) {
    cost.largest = here;
    cost.most = &entry;
  }
}

void report(const Model& model, const Cost& cost, const std::string& who, Findings& findings) {
  const std::size_t limit = model.in().facts.policy_map_max;
  if (cost.entries * 2 <= limit || cost.most == nullptr) return;
  diag::Finding& finding =
      findings.add(cost.most->origin.object(), cost.most->origin.node,
                   "the policies of " + who + " take about " + std::to_string(cost.entries) +
                       " entries of Cilium's policy map, which has " + std::to_string(limit) +
                       "; this rule " + std::to_string(cost.largest));
  if (cost.entries <= limit) finding.severity = diag::Severity::Note;
  finding.help =
      "what does not fit is missing, without a word: narrow the peers, align port ranges, or raise "
      "`bpf-policy-map-max`; policyc's programs need one row of a table for each kind of peer";
}

void check(const Model& model, Findings& findings) {
  Identities identities(model);
  std::map<const policy::Entry*, Cost> reported;  // by the largest rule: one finding each
  std::map<std::string, std::vector<const policy::Entry*>> by_namespace;
  for (const EndpointClass& one : model.classes()) {
    const auto [at, fresh] = by_namespace.try_emplace(one.namespace_);
    if (fresh) at->second = model.candidates(one.namespace_);
    Cost cost;
    for (const policy::Entry* entry : at->second) {
      const bool node = one.kind == policy::EndpointKind::Host;
      if (entry->subject_is_node == node && entry->subject.matches(one.labels))
        add(cost, *entry, identities);
    }
    Cost& known = reported[cost.most];
    if (cost.entries <= known.entries) continue;
    known = cost;
  }
  for (const auto& [entry, cost] : reported) {
    if (entry == nullptr) continue;
    report(model, cost, "the pods that it applies to", findings);
  }
  if (model.has_endpoints()) return;
  // Without pods a peer counts as one identity: what is too much then is too much always.
  std::map<std::string, Cost> by_subject;
  for (const policy::Entry& entry : model.in().resolved.entries)
    add(by_subject[entry.policy_namespace + "\n" + entry.subject.text], entry, identities);
  for (const auto& [subject, cost] : by_subject)
    report(model, cost, "the pods that it applies to", findings);
}

}  // namespace

constinit const Rule kPolicyMapBudget{
    .id = "PL0020",
    .name = "policy-map-budget",
    .severity = diag::Severity::Warning,
    .summary = "policies that fill, or nearly fill, an endpoint's policy map in Cilium",
    .what =
        "For each endpoint the rules that apply are counted as Cilium counts them: identities "
        "of the peers times prefixes of the port ranges. More than half of "
        "`bpf-policy-map-max` (16,384 unless `--cilium-config` says otherwise) is a note, more "
        "than all of it a warning. Without an inventory every peer counts as one identity.",
    .why =
        "Entries that do not fit are left out, and which ones is not defined: allowed traffic "
        "is dropped, or, worse, a deny is missing. The only symptom is a log line.",
    .example = R"(  egress:
  - toCIDRSet: [{cidr: 10.0.0.0/8, except: [...]}, ...]    # PL0020: 900 prefixes
    toPorts: [{ports: [{port: "1", endPort: 65534, protocol: TCP}]}]      # 30 blocks each
)",
    .repair = "Join prefixes, align ranges, select peers with fewer identities.",
    .security_severity = "5.0",
    .check = check,
};

}  // namespace policyc::lint
