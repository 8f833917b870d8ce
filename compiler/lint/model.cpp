#include "compiler/lint/model.h"

#include <algorithm>

namespace policyc::lint {
namespace {

using policy::Direction;
using policy::PolicyKind;

std::string object_name(PolicyKind kind, const std::string& name_space, const std::string& name) {
  return policy::Origin{kind, name_space, name, {}, {}}.object();
}

std::string origin_key(const std::string& object, const std::string& path) {
  return object + '\n' + path;
}

bool is_endpoint_kind(std::string_view kind) {
  return kind == "Pod" || kind == "Deployment" || kind == "StatefulSet" || kind == "DaemonSet" ||
         kind == "ReplicaSet" || kind == "ReplicationController" || kind == "Job" ||
         kind == "CronJob" || kind == "CiliumEndpoint";
}

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? std::string() : path.substr(0, slash);
}

}  // namespace

std::string object_of(const manifest::Document& document) {
  const std::string& kind = document.kind.value;
  std::string name_space = document.namespace_.value;
  if (kind == "CiliumClusterwideNetworkPolicy" || kind == "CiliumCIDRGroup")
    name_space.clear();
  else if (name_space.empty())
    name_space = "default";
  return kind + "/" + (name_space.empty() ? "" : name_space + "/") + document.name.value;
}

Model::Model(const Inputs& inputs)
    : inputs_(inputs), book_(inputs.read.cluster, inputs.resolved, inputs.agent) {
  const auto& entries = inputs_.resolved.entries;
  owners_.resize(entries.size());
  for (std::size_t i = 0; i < entries.size(); ++i) {
    entry_by_origin_.try_emplace(origin_key(entries[i].origin.object(), entries[i].origin.path), i);
    by_namespace_[entries[i].policy_namespace].push_back(&entries[i]);
  }
  for (const auto& policy : inputs_.read.policies.cilium) add_cilium(policy);
  for (const auto& policy : inputs_.read.policies.kubernetes) add_kubernetes(policy);
  std::unordered_map<std::string, std::vector<std::size_t>> by_item;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    // "spec.ingress[0].from[1]" is an entry of the item "spec.ingress[0]".
    std::string path = entries[i].origin.path;
    if (entries[i].origin.kind == PolicyKind::NetworkPolicy)
      path = path.substr(0, path.find(']') + 1);
    by_item[origin_key(entries[i].origin.object(), path)].push_back(i);
  }
  for (SpecView& spec : specs_) {
    for (ItemView& item : spec.items) {
      if (const auto found = by_item.find(origin_key(spec.object, item.path));
          found != by_item.end())
        item.entries = found->second;
      for (const std::size_t entry : item.entries) owners_[entry] = {&spec, &item};
    }
  }
  add_classes();
  for (const manifest::Document& document : inputs_.documents) {
    if (policy::is_policy(document)) {
      policy_documents_[object_of(document)] = &document;
      continue;
    }
    if (!is_endpoint_kind(document.kind.value)) continue;
    std::string name_space = document.namespace_.value;
    if (name_space.empty()) name_space = "default";
    endpoint_documents_[{name_space, document.name.value}] = &document;
    known_places_.emplace(name_space, folder_of(inputs_.sources.name(document.file)));
  }
}

void Model::add_cilium(const policy::CiliumPolicy& policy) {
  const auto add = [&](const policy::Rule& rule, std::string path) {
    SpecView spec;
    spec.cilium = &policy;
    spec.rule = &rule;
    spec.name = policy.name.value;
    spec.namespace_ = policy.namespace_.value;
    spec.object = object_name(policy.kind, spec.namespace_, spec.name);
    spec.path = std::move(path);
    spec.node = rule.node;
    spec.name_node = policy.name.node;
    if (rule.endpoint_selector) spec.subject = &*rule.endpoint_selector;
    if (rule.node_selector) spec.subject = &*rule.node_selector;
    for (const auto& [list, key] :
         {std::pair(&rule.ingress, "ingress"), std::pair(&rule.ingress_deny, "ingressDeny"),
          std::pair(&rule.egress, "egress"), std::pair(&rule.egress_deny, "egressDeny")}) {
      for (std::size_t i = 0; *list && i < (*list)->size(); ++i) {
        const policy::RuleItem& item = (**list)[i];
        spec.items.push_back({&item,
                              nullptr,
                              item.direction,
                              item.deny,
                              spec.path + "." + key + "[" + std::to_string(i) + "]",
                              item.node,
                              {}});
      }
    }
    specs_.push_back(std::move(spec));
  };
  if (policy.spec) add(*policy.spec, "spec");
  for (std::size_t i = 0; policy.specs && i < policy.specs->size(); ++i)
    add((*policy.specs)[i], "specs[" + std::to_string(i) + "]");
}

void Model::add_kubernetes(const policy::KubernetesPolicy& policy) {
  SpecView spec;
  spec.kubernetes = &policy;
  spec.name = policy.name.value;
  spec.namespace_ = policy.namespace_.value.empty() ? "default" : policy.namespace_.value;
  spec.object = object_name(PolicyKind::NetworkPolicy, spec.namespace_, spec.name);
  spec.path = "spec";
  spec.node = policy.node;
  spec.name_node = policy.name.node;
  spec.subject = &policy.pod_selector;
  for (const auto& [list, direction, key] :
       {std::tuple(&policy.ingress, Direction::Ingress, "spec.ingress["),
        std::tuple(&policy.egress, Direction::Egress, "spec.egress[")}) {
    for (std::size_t i = 0; i < list->size(); ++i)
      spec.items.push_back({nullptr,
                            &(*list)[i],
                            direction,
                            false,
                            key + std::to_string(i) + "]",
                            (*list)[i].node,
                            {}});
  }
  specs_.push_back(std::move(spec));
}

void Model::add_classes() {
  std::map<std::pair<policy::LabelSet, std::string>, std::size_t> known;
  for (const policy::Endpoint& endpoint : inputs_.read.cluster.endpoints) {
    policy::LabelSet labels = book_.subject_labels(endpoint);
    std::string rest = std::to_string(static_cast<int>(endpoint.kind));
    for (const policy::NamedPort& port : endpoint.ports)
      rest += "\n" + port.protocol + " " + std::to_string(port.port) + " " + port.name;
    const auto [at, fresh] = known.try_emplace({labels, std::move(rest)}, classes_.size());
    if (fresh) {
      classes_by_namespace_[endpoint.namespace_].push_back(classes_.size());
      classes_.push_back({std::move(labels), endpoint.namespace_, endpoint.kind, {}});
    }
    classes_[at->second].members.push_back(&endpoint);
  }
}

std::optional<std::size_t> Model::entry_of(const ir::Origin& origin) const {
  const auto found = entry_by_origin_.find(origin_key(origin.object, origin.path));
  if (found == entry_by_origin_.end()) return std::nullopt;
  return found->second;
}

std::vector<const policy::Entry*> Model::candidates(const std::string& name_space) const {
  std::vector<const policy::Entry*> all;
  const auto add = [&](const std::string& key) {
    if (const auto found = by_namespace_.find(key); found != by_namespace_.end())
      all.insert(all.end(), found->second.begin(), found->second.end());
  };
  add({});
  if (!name_space.empty()) add(name_space);
  std::sort(all.begin(), all.end());
  return all;
}

bool Model::knows_pods(const SpecView& spec, const std::string& name_space) const {
  if (inputs_.complete_inventory) return true;
  const source::FileId file = inputs_.sources.range(spec.node).file;
  return known_places_.contains({name_space, folder_of(inputs_.sources.name(file))});
}

std::optional<std::vector<std::string>> namespaces_of(const policy::Selector& selector) {
  for (const policy::Requirement& requirement : selector.requirements) {
    if (requirement.key == policy::kPodNamespaceKey && requirement.op == policy::Operator::In)
      return requirement.values;
  }
  return std::nullopt;
}

std::vector<std::size_t> Model::matching(const policy::Selector& selector) const {
  std::vector<std::size_t> found;
  const auto look = [&](const std::vector<std::size_t>& indices) {
    for (const std::size_t index : indices) {
      if (selector.matches(classes_[index].labels)) found.push_back(index);
    }
  };
  if (const auto names = namespaces_of(selector)) {
    for (const std::string& name : *names) {
      if (const auto at = classes_by_namespace_.find(name); at != classes_by_namespace_.end())
        look(at->second);
    }
    return found;
  }
  for (std::size_t i = 0; i < classes_.size(); ++i) {
    if (selector.matches(classes_[i].labels)) found.push_back(i);
  }
  return found;
}

bool Model::matches_any(const policy::Selector& selector) const {
  if (namespaces_of(selector)) return !matching(selector).empty();
  return std::any_of(classes_.begin(), classes_.end(),
                     [&](const EndpointClass& one) { return selector.matches(one.labels); });
}

const manifest::Document* Model::document_of(const SpecView& spec) const {
  const auto found = policy_documents_.find(spec.object);
  return found == policy_documents_.end() ? nullptr : found->second;
}

const manifest::Node* Model::yaml_of(const SpecView& spec) const {
  const manifest::Document* document = document_of(spec);
  if (document == nullptr) return nullptr;
  if (spec.path == "spec") return document->root.find("spec");
  const manifest::Node* list = document->root.find("specs");
  if (list == nullptr || !list->is_sequence()) return nullptr;
  for (std::size_t i = 0; i < list->items.size(); ++i) {
    if (spec.path == "specs[" + std::to_string(i) + "]") return &list->items[i];
  }
  return nullptr;
}

const manifest::Document* Model::document_of(const policy::Endpoint& endpoint) const {
  const auto found = endpoint_documents_.find({endpoint.namespace_, endpoint.name});
  return found == endpoint_documents_.end() ? nullptr : found->second;
}

}  // namespace policyc::lint
