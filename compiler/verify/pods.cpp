#include "compiler/verify/pods.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "compiler/verify/states.h"

namespace policyc::verify {
namespace {

using policy::Label;
using policy::LabelSet;
using policy::Requirement;
using policy::Selector;

using Selectors = std::vector<const Selector*>;
using Value = std::optional<std::string>;  // nothing: no label of that key

constexpr std::string_view kOtherValue = "policyc-other";

// A key that labels of `source` can answer, and what a peer may have there.
struct Key {
  std::string name;
  std::vector<Value> values;
};

bool may_answer(const Requirement& requirement, std::string_view source) {
  return requirement.source == source || requirement.source == "any";
}

// The values that selectors mention, and one more.
std::map<std::string, std::set<std::string>> mentioned(const Selectors& selectors,
                                                       std::string_view source) {
  std::map<std::string, std::set<std::string>> out;
  for (const Selector* selector : selectors) {
    for (const Requirement& requirement : selector->requirements) {
      if (!may_answer(requirement, source)) continue;
      out[requirement.key].insert(requirement.values.begin(), requirement.values.end());
    }
  }
  for (auto& [key, values] : out) values.emplace(kOtherValue);
  return out;
}

// The selectors that such a label, or its absence, does not rule out.
Bits possible_with(const Selectors& selectors, std::string_view source, const std::string& key,
                   const Value& value) {
  LabelSet labels;
  if (value) labels.add(Label{std::string(source), key, *value});
  Bits out(selectors.size(), true);
  for (std::size_t i = 0; i < selectors.size(); ++i) {
    for (const Requirement& requirement : selectors[i]->requirements) {
      if (requirement.key == key && may_answer(requirement, source) && !requirement.matches(labels))
        out.set(i, false);
    }
  }
  return out;
}

// The selectors that are possible as far as the labels of other sources decide, given those that
// the peer certainly has.
Bits possible_at_all(const Selectors& selectors, std::string_view source, const LabelSet& fixed) {
  Bits out(selectors.size(), true);
  for (std::size_t i = 0; i < selectors.size(); ++i) {
    for (const Requirement& requirement : selectors[i]->requirements) {
      const bool is_open = may_answer(requirement, source) && !fixed.has_key(requirement.key);
      if (!is_open && !requirement.matches(fixed)) out.set(i, false);
    }
  }
  return out;
}

States states_of(const Selectors& selectors, std::string_view source, const LabelSet& fixed,
                 const std::vector<Key>& keys, std::size_t limit) {
  std::vector<Axis> axes;
  for (const Key& key : keys) {
    Axis axis;
    for (const Value& value : key.values)
      axis.push_back(possible_with(selectors, source, key.name, value));
    axes.push_back(std::move(axis));
  }
  return distinct_states(possible_at_all(selectors, source, fixed), axes, limit);
}

bool is_namespace_label(const std::string& key) {
  return key.starts_with(policy::kNamespaceLabelsPrefix);
}

// Sets what a pod must have so that its identity has `key` with that value.
void give(PodWitness& pod, const std::string& key, const std::string& value) {
  if (key == policy::kPodNamespaceKey) {
    pod.any_namespace = value == kOtherValue;
    pod.namespace_ = pod.any_namespace ? std::string() : value;
  } else if (key == policy::kClusterKey) {
    pod.cluster = value;
  } else if (key == policy::kServiceAccountKey) {
    pod.service_account = value;
  } else if (is_namespace_label(key)) {
    pod.namespace_labels[key.substr(policy::kNamespaceLabelsPrefix.size())] = value;
  } else {
    pod.labels[key] = value;
  }
}

// Identities do not have every label of their pod.
bool reaches_identity(const std::string& key, const std::string& value,
                      const policy::LabelFilter& filter) {
  PodWitness pod;
  give(pod, key, value);
  const LabelSet labels = policy::pod_identity_labels(pod.labels, pod.namespace_labels, "n",
                                                      pod.service_account, "c", filter);
  const Label* label = labels.find_key(key);
  return label != nullptr && label->value == value;
}

}  // namespace

PodWitnesses pod_witnesses(const Selectors& selectors, const policy::Options& agent,
                           std::size_t limit) {
  auto values = mentioned(selectors, "k8s");
  // Every pod has these two; asked first, they rule out most selectors.
  const std::string namespace_key(policy::kPodNamespaceKey);
  const std::string cluster_key(policy::kClusterKey);
  values[namespace_key].emplace(kOtherValue);
  values[cluster_key].emplace(agent.cluster_name);
  std::vector<Key> keys;
  for (const std::string& key : {cluster_key, namespace_key}) {
    keys.push_back({key, {values[key].begin(), values[key].end()}});
    values.erase(key);
  }
  // The commonest case first: witnesses are easier to read when a label that does not matter is
  // not there.
  for (const auto& [key, mentioned_values] : values) {
    Key out{key, {std::nullopt}};
    for (const std::string& value : mentioned_values) {
      if (reaches_identity(key, value, agent.labels)) out.values.emplace_back(value);
    }
    keys.push_back(std::move(out));
  }
  const States states = states_of(selectors, "k8s", {}, keys, limit);
  PodWitnesses out{{}, states.left_out};
  for (const auto& choices : states.choices) {
    PodWitness pod;
    for (std::size_t i = 0; i < keys.size(); ++i) {
      const Value& value = keys[i].values[choices[i]];
      if (value) give(pod, keys[i].name, *value);
    }
    out.pods.push_back(std::move(pod));
  }
  return out;
}

NodeWitnesses node_witnesses(const Selectors& selectors, const policy::Options& agent,
                             std::size_t limit) {
  if (!agent.node_selector_labels) return {{{}}, 0};
  LabelSet fixed;
  fixed.add(Label{"reserved", "remote-node", ""});
  fixed.add(Label{"k8s", std::string(policy::kClusterKey), agent.cluster_name});
  std::vector<Key> keys;
  for (const auto& [key, values] : mentioned(selectors, "node")) {
    if (fixed.has_key(key) || !agent.node_labels.keeps("node", key)) continue;
    Key out{key, {std::nullopt}};
    out.values.insert(out.values.end(), values.begin(), values.end());
    keys.push_back(std::move(out));
  }
  const States states = states_of(selectors, "node", fixed, keys, limit);
  NodeWitnesses out{{}, states.left_out};
  for (const auto& choices : states.choices) {
    policy::StringMap labels;
    for (std::size_t i = 0; i < keys.size(); ++i) {
      const Value& value = keys[i].values[choices[i]];
      if (value) labels[keys[i].name] = *value;
    }
    out.labels.push_back(std::move(labels));
  }
  return out;
}

}  // namespace policyc::verify
