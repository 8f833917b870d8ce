#include "compiler/replay/cluster.h"

#include <algorithm>

namespace policyc::replay {
namespace {

// The reserved label of an identity that is no pod; empty for a pod.
std::string reserved(const policy::LabelSet& labels) {
  for (const policy::Label& label : labels.all()) {
    if (label.source == "reserved") return label.key;
  }
  return {};
}

policy::Endpoint endpoint_of(const flows::FlowEnd& end, policy::Cluster& cluster,
                             const policy::Options& agent) {
  policy::Endpoint out;
  out.namespace_ = end.namespace_;
  policy::StringMap namespace_labels;
  for (const policy::Label& label : end.labels.all()) {
    if (label.key == policy::kPodNamespaceKey) {
      out.namespace_ = label.value;
    } else if (label.key == policy::kServiceAccountKey) {
      out.service_account = label.value;
    } else if (label.key == policy::kClusterKey) {
      out.cluster = label.value == agent.cluster_name ? "" : label.value;
    } else if (label.key.starts_with(policy::kNamespaceLabelsPrefix)) {
      namespace_labels[label.key.substr(policy::kNamespaceLabelsPrefix.size())] = label.value;
    } else {
      out.labels[label.key] = label.value;
    }
  }
  cluster.namespaces.edit().try_emplace(out.namespace_, std::move(namespace_labels));
  return out;
}

}  // namespace

FlowCluster::FlowCluster(const policy::Cluster& inventory, const policy::Options& agent)
    : cluster_(inventory), agent_(agent) {
  for (std::size_t i = 0; i < cluster_.endpoints.size(); ++i) {
    by_name_.emplace(cluster_.endpoints[i].full_name(), i);
    // Which pod an address is, the flow says.
    cluster_.endpoints[i].addresses.clear();
  }
}

bool FlowCluster::is_pod(const flows::FlowEnd& end) const {
  return !end.labels.empty() && reserved(end.labels).empty();
}

std::string FlowCluster::key_of(const flows::FlowEnd& end) {
  return end.namespace_ + "/" + end.pod + "\n" + end.labels.to_string();
}

void FlowCluster::add(const flows::FlowRecord& flow) {
  add_end(flow.source);
  add_end(flow.destination);
}

void FlowCluster::add_end(const flows::FlowEnd& end) {
  if (!is_pod(end)) {
    if (!end.address) return;
    for (const std::string& name : end.names) {
      auto& known = cluster_.dns.edit()[name];
      if (std::find(known.begin(), known.end(), *end.address) == known.end())
        known.push_back(*end.address);
    }
    return;
  }
  const auto [found, is_new] = pods_.try_emplace(key_of(end), cluster_.endpoints.size());
  if (!is_new) return;
  policy::Endpoint pod = endpoint_of(end, cluster_, agent_);
  pod.name = end.pod.empty() ? "unnamed" : end.pod;
  if (const auto known = by_name_.find(pod.full_name()); known != by_name_.end())
    pod.ports = cluster_.endpoints[known->second].ports;
  // Names of endpoints are unique.
  const std::string name = pod.name;
  for (std::size_t i = 2; by_name_.contains(pod.full_name()); ++i)
    pod.name = name + " as seen, " + std::to_string(i);
  by_name_.emplace(pod.full_name(), cluster_.endpoints.size());
  cluster_.endpoints.push_back(std::move(pod));
}

explain::End FlowCluster::end(const flows::FlowEnd& end, const explain::World& world) const {
  explain::End out;
  out.name = end.to_string();
  if (end.address) out.v6 = end.address->v6;
  if (is_pod(end)) {
    const std::size_t index = pods_.at(key_of(end));
    const policy::Endpoint& endpoint = world.cluster().endpoints[index];
    out.endpoint = index;
    out.labels = world.book().endpoint_labels(endpoint);
    out.peer = {eval::Peer::Kind::Endpoint, endpoint.full_name(), {}};
    return out;
  }
  const std::string entity = reserved(end.labels);
  const bool world_side = entity.empty() || entity.starts_with("world");
  if (end.address && world_side) {
    out.labels = world.book().address_labels(*end.address);
    out.peer = {eval::Peer::Kind::Address, {}, *end.address};
    return out;
  }
  const std::string name = entity.empty() ? "world" : entity;
  out.labels = world.book().entity_labels(name);
  out.peer = {eval::Peer::Kind::Entity, name, {}};
  return out;
}

}  // namespace policyc::replay
