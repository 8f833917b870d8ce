// Pods, and the pods that workloads would make.

#include <limits>

#include "compiler/policy/inventory.h"
#include "compiler/policy/read_node.h"

namespace policyc::policy {
namespace {

using manifest::Document;
using manifest::Node;

// Named ports of a pod's containers.
std::vector<NamedPort> named_ports(const Node& pod_spec) {
  std::vector<NamedPort> result;
  for (const std::string_view list_name : {"containers", "initContainers"}) {
    const Node* containers = present(pod_spec, list_name);
    if (containers == nullptr || !containers->is_sequence()) continue;
    for (const Node& container : containers->items) {
      const Node* ports = present(container, "ports");
      if (ports == nullptr || !ports->is_sequence()) continue;
      for (const Node& port : ports->items) {
        const std::string name = read_string(port, "name").value;
        const auto number = read_integer(port, "containerPort");
        const bool valid = number && number->value > 0 &&
                           number->value <= std::numeric_limits<std::uint16_t>::max();
        if (name.empty() || !valid) continue;
        const std::string protocol = read_string(port, "protocol").value;
        result.push_back(
            {name, static_cast<std::uint16_t>(number->value), protocol.empty() ? "TCP" : protocol});
      }
    }
  }
  return result;
}

// Labels, account and ports; an endpoint that shares the host's identity has none of its own.
bool read_pod(const Node& pod, Endpoint& endpoint) {
  endpoint.labels = metadata_labels(pod);
  endpoint.service_account = "default";  // what admission sets
  const Node* spec = present(pod, "spec");
  if (spec == nullptr) return true;
  if (const auto host = read_boolean(*spec, "hostNetwork"); host && host->value) return false;
  for (const std::string_view field : {"serviceAccount", "serviceAccountName"}) {
    if (const auto account = read_optional_string(*spec, field);
        account && !account->value.empty()) {
      endpoint.service_account = account->value;
    }
  }
  endpoint.ports = named_ports(*spec);
  return true;
}

// The pod template of a workload.
const Node* pod_template(const Document& document) {
  const Node* spec = present(document.root, "spec");
  if (document.kind.value == "CronJob" && spec != nullptr) {
    const Node* job = present(*spec, "jobTemplate");
    spec = job == nullptr ? nullptr : present(*job, "spec");
  }
  return spec == nullptr ? nullptr : present(*spec, "template");
}

bool is_owned(const Document& document) {
  const Node* metadata = present(document.root, "metadata");
  const Node* owners = metadata == nullptr ? nullptr : present(*metadata, "ownerReferences");
  return owners != nullptr && owners->is_sequence() && !owners->items.empty();
}

}  // namespace

void Inventory::add_pod(const Document& document) {
  Endpoint endpoint;
  endpoint.namespace_ = namespace_of(document);
  endpoint.name = document.name.value;
  const Key key{endpoint.namespace_, endpoint.name};
  bool ok = read_pod(document.root, endpoint);
  if (const Node* status = present(document.root, "status")) {
    const std::string phase = read_string(*status, "phase").value;
    if (phase == "Succeeded" || phase == "Failed")
      ok = false;  // its addresses are somebody else's by now
    read_address(*status, "podIP", endpoint.addresses, ok);
    for (const IpAddress& address : read_addresses(*status, "podIPs", ok)) {
      if (endpoint.addresses.empty() || endpoint.addresses.front() != address)
        endpoint.addresses.push_back(address);
    }
  }
  if (ok) {
    pods_[key] = std::make_shared<Endpoint>(std::move(endpoint));
    if (!pods_gone_->empty()) pods_gone_.edit().erase(key);
  } else {
    pods_.erase(key);
    pods_gone_.edit().insert(key);
  }
}

void Inventory::add_workload(const Document& document) {
  // The ReplicaSet of a Deployment or the Job of a CronJob has the pods of its owner.
  if (is_owned(document)) return;
  const Node* pod = pod_template(document);
  if (pod == nullptr)
    return report(document.root.id, "`" + document.name.value + "` has no pod template");
  Endpoint endpoint;
  endpoint.namespace_ = namespace_of(document);
  endpoint.name = document.name.value;
  const std::pair<std::string, Key> key{document.kind.value, {endpoint.namespace_, endpoint.name}};
  Others& others = others_.edit();
  if (read_pod(*pod, endpoint)) {
    others.workloads[key] = std::make_shared<Endpoint>(std::move(endpoint));
    others.workloads_gone.erase(key);
  } else {
    others.workloads.erase(key);
    others.workloads_gone.insert(key);
  }
}

}  // namespace policyc::policy
