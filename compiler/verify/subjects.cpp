#include "compiler/verify/subjects.h"

#include <algorithm>
#include <set>

#include "compiler/ir/implication.h"
#include "compiler/policy/address_book.h"

namespace policyc::verify {
namespace {

template <class Applies>
policy::Resolved restricted(const policy::Resolved& resolved, Applies applies) {
  policy::Resolved out{{}, resolved.prefixes, resolved.fqdn_selectors};
  for (const policy::Entry& entry : resolved.entries) {
    if (!applies(entry)) continue;
    out.entries.push_back(entry);
    out.entries.back().subject = policy::wildcard_selector();
    out.entries.back().policy_namespace.clear();
  }
  return out;
}

}  // namespace

Subject inventory_subject(const Model& model, const policy::Endpoint& endpoint) {
  const policy::AddressBook book(model.cluster, model.resolved, model.agent);
  const policy::LabelSet labels = book.subject_labels(endpoint);
  const policy::Label* namespace_label = labels.find_key(policy::kPodNamespaceKey);
  const std::string namespace_ = namespace_label == nullptr ? "" : namespace_label->value;
  const bool is_node = endpoint.kind == policy::EndpointKind::Host;
  return {endpoint.full_name(), endpoint, true,
          restricted(model.resolved, [&](const policy::Entry& entry) {
            return entry.subject_is_node == is_node &&
                   (entry.policy_namespace.empty() || entry.policy_namespace == namespace_) &&
                   entry.subject.matches(labels);
          })};
}

Subject synthetic_subject(const Model& model, const ir::Subject& subject) {
  policy::Endpoint endpoint;
  endpoint.kind = subject.kind;
  endpoint.namespace_ = subject.namespace_;
  endpoint.name = "policyc-verify-subject";
  const bool is_node = subject.kind == policy::EndpointKind::Host;
  return {
      subject.name, std::move(endpoint), false,
      restricted(model.resolved, [&](const policy::Entry& entry) {
        return entry.subject_is_node == is_node &&
               (entry.policy_namespace.empty() || entry.policy_namespace == subject.namespace_) &&
               ir::implies(*subject.selector, entry.subject);
      })};
}

std::vector<const policy::Selector*> peer_selectors(const Subject& subject, const ir::Shape& shape,
                                                    policy::Direction direction) {
  std::vector<const policy::Selector*> out;
  std::set<std::vector<policy::Requirement>> seen;
  const auto add = [&](const policy::Selector& selector) {
    std::vector<policy::Requirement> requirements = selector.requirements;
    std::sort(requirements.begin(), requirements.end());
    if (seen.insert(std::move(requirements)).second) out.push_back(&selector);
  };
  for (const policy::Entry& entry : subject.own.entries) {
    if (entry.direction != direction) continue;
    for (const policy::Selector& selector : entry.peers) add(selector);
  }
  for (const std::uint32_t index :
       shape.directions[static_cast<std::size_t>(direction)].predicates) {
    for (const policy::Selector& selector : shape.predicates[index].selectors) add(selector);
  }
  return out;
}

}  // namespace policyc::verify
