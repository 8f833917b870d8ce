#include "compiler/driver/session_policies.h"

#include <algorithm>
#include <tuple>

#include "compiler/policy/resolve_parts.h"

namespace policyc::driver {
namespace {

using policy::CiliumPolicy;
using policy::KubernetesPolicy;

// A policy that counts, and where it was read.
struct Written {
  std::uint64_t stamp = 0;
  const std::string* file = nullptr;
  const CiliumPolicy* cilium = nullptr;
  const KubernetesPolicy* kubernetes = nullptr;
};

using PolicyKey = std::tuple<policy::PolicyKind, std::string, std::string>;

std::map<PolicyKey, Written> policies_of(const std::map<std::string, const SessionFile*>& files) {
  std::map<PolicyKey, Written> result;
  for (const auto& [key, file] : files) {
    std::size_t index = 0;
    for (const CiliumPolicy& one : file->policies->cilium) {
      result[{one.kind, one.namespace_.value, one.name.value}] = {file->stamps[index++], &key, &one,
                                                                  nullptr};
    }
    for (const KubernetesPolicy& one : file->policies->kubernetes) {
      const std::string& name_space = one.namespace_.value;
      result[{policy::PolicyKind::NetworkPolicy, name_space.empty() ? "default" : name_space,
              one.name.value}] = {file->stamps[index++], &key, nullptr, &one};
    }
  }
  return result;
}

// Calls `look_at` with every item of a policy.
template <class LookAt>
void each_item(const CiliumPolicy& policy, LookAt look_at) {
  const auto of_rule = [&](const policy::Rule& rule) {
    for (const auto* items : {&rule.ingress, &rule.ingress_deny, &rule.egress, &rule.egress_deny}) {
      if (!*items) continue;
      for (const policy::RuleItem& item : **items) look_at(item);
    }
  };
  if (policy.spec) of_rule(*policy.spec);
  if (policy.specs) {
    for (const policy::Rule& rule : *policy.specs) of_rule(rule);
  }
}

}  // namespace

bool SessionPolicies::collect_groups(const std::map<std::string, const SessionFile*>& files) {
  std::map<std::string, const policy::CidrGroup*> groups;
  for (const auto& [key, file] : files) {
    for (const policy::CidrGroup& group : file->policies->cidr_groups)
      groups[group.name.value] = &group;
  }
  groups_.cidr_groups.clear();
  std::vector<std::string> names;
  for (const auto& [name, group] : groups) {
    names.push_back(name);
    groups_.cidr_groups.push_back(*group);
  }
  std::swap(names, group_names_);
  return names != group_names_;
}

void SessionPolicies::resolve(PolicyPart& part, const CiliumPolicy* cilium,
                              const KubernetesPolicy* kubernetes, const policy::Cluster& cluster,
                              const source::SourceMap& sources) const {
  diag::Engine diagnostics;
  if (cilium != nullptr) {
    part.origin = {cilium->kind, cilium->namespace_.value, cilium->name.value, "", cilium->node};
    part.asks_services = part.asks_groups = false;
    each_item(*cilium, [&part](const policy::RuleItem& item) {
      part.asks_services = part.asks_services || item.services;
      if (!item.cidr_set) return;
      for (const policy::CidrRule& rule : *item.cidr_set)
        part.asks_groups = part.asks_groups || rule.group_ref;
    });
    part.resolved = policy::resolve_one(*cilium, groups_, cluster, options_, diagnostics);
  } else {
    const std::string& name_space = kubernetes->namespace_.value;
    part.origin = {policy::PolicyKind::NetworkPolicy, name_space.empty() ? "default" : name_space,
                   kubernetes->name.value, "", kubernetes->node};
    part.resolved = policy::resolve_one(*kubernetes, groups_, cluster, options_, diagnostics);
  }
  part.broken = diagnostics.has_errors();
  part.diagnostics = diag::render_text(sources, diagnostics);
}

SessionPolicies::Change SessionPolicies::update(
    const std::map<std::string, const SessionFile*>& files, const policy::Cluster& cluster,
    bool cluster_changed, const source::SourceMap& sources) {
  Change change;
  const bool groups_changed = collect_groups(files);
  std::map<std::uint64_t, std::unique_ptr<PolicyPart>> parts;
  order_.clear();
  for (const auto& [key, written] : policies_of(files)) {
    auto known = parts_.extract(written.stamp);
    std::unique_ptr<PolicyPart> part;
    const bool other_entries = known.empty() || (cluster_changed && known.mapped()->asks_services);
    if (!known.empty()) part = std::move(known.mapped());
    if (other_entries) {
      if (part) change.gone.push_back(std::move(part));
      part = std::make_unique<PolicyPart>();
      part->stamp = written.stamp;
      change.fresh.push_back(part.get());
    }
    if (other_entries || places_lost_ || (groups_changed && part->asks_groups))
      resolve(*part, written.cilium, written.kubernetes, cluster, sources);
    part->file = *written.file;
    order_.push_back(part.get());
    parts.emplace(written.stamp, std::move(part));
  }
  for (auto& [stamp, part] : parts_) change.gone.push_back(std::move(part));
  parts_ = std::move(parts);
  places_lost_ = false;
  std::ranges::sort(order_, [](const PolicyPart* a, const PolicyPart* b) {
    return policy::stands_before(a->origin, b->origin);
  });
  diag::Engine diagnostics;
  prefixes_ = policy::resolve_groups(groups_, options_, diagnostics);
  group_diagnostics_ = diag::render_text(sources, diagnostics);
  ask_services_ = std::ranges::any_of(order_, &PolicyPart::asks_services);
  for (const PolicyPart* part : order_) {
    if (!part->resolved.prefixes.empty()) policy::add_prefixes(prefixes_, part->resolved.prefixes);
  }
  return change;
}

}  // namespace policyc::driver
