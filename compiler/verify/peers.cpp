#include "compiler/verify/peers.h"

#include <map>
#include <set>
#include <string_view>

#include "compiler/verify/addresses.h"
#include "compiler/verify/pods.h"

namespace policyc::verify {
namespace {

using policy::Direction;
using policy::NodeRole;

constexpr std::string_view kEntities[] = {"host",    "remote-node", "kube-apiserver", "health",
                                          "ingress", "init",        "unmanaged"};

class PeerPlanner {
 public:
  PeerPlanner(const Model& model, const Subject& subject, const ir::Shape& shape, std::size_t limit)
      : model_(model), subject_(subject), shape_(shape), limit_(limit) {
    for (const policy::Endpoint& endpoint : model.cluster.endpoints)
      taken_namespaces_.insert(endpoint.namespace_);
    for (const auto& [name, labels] : model.cluster.namespaces) taken_namespaces_.insert(name);
    for (const Direction direction : {Direction::Ingress, Direction::Egress}) {
      for (const policy::Selector* selector : peer_selectors(subject, shape, direction)) {
        for (const policy::Requirement& requirement : selector->requirements)
          taken_namespaces_.insert(requirement.values.begin(), requirement.values.end());
      }
    }
  }

  Peers run() {
    // Here, of an endpoint of the inventory, the evaluator also decides which policies apply.
    const policy::Resolved& entries = subject_.in_inventory ? model_.resolved : subject_.own;
    plans_.push_back(std::make_unique<WorldPlan>(model_, subject_, entries));
    add_inventory(*plans_.front());
    for (const std::string_view entity : kEntities) plans_.front()->add_entity(std::string(entity));
    left_out_ += add_addresses(model_, subject_, shape_, plans_, limit_);
    for (const Direction direction : {Direction::Ingress, Direction::Egress}) {
      const auto selectors = peer_selectors(subject_, shape_, direction);
      add_pods(selectors);
      add_nodes(selectors);
    }
    add_api_server_host();
    return build();
  }

 private:
  static void add_inventory(WorldPlan& plan) {
    for (const policy::Endpoint& endpoint : plan.cluster.endpoints)
      plan.peers.push_back({{eval::Peer::Kind::Endpoint, endpoint.full_name(), {}}, true, true});
    for (const policy::ClusterNode& node : plan.cluster.nodes) {
      for (const IpAddress& address : node.addresses) plan.add_address(address);
    }
  }

  // A name for a namespace that no selector mentions, one for each set of labels.
  std::string unnamed_namespace(const policy::StringMap& labels) {
    const auto [found, is_new] = unnamed_.try_emplace(labels);
    while (found->second.empty() || (is_new && taken_namespaces_.contains(found->second)))
      found->second = "other-" + std::to_string(++last_unnamed_);
    return found->second;
  }

  void add_pods(const std::vector<const policy::Selector*>& selectors) {
    PodWitnesses found = pod_witnesses(selectors, model_.agent, limit_);
    left_out_ += found.left_out;
    for (PodWitness& pod : found.pods) {
      if (pod.any_namespace) pod.namespace_ = unnamed_namespace(pod.namespace_labels);
      WorldPlan& plan = plan_with(pod.namespace_, pod.namespace_labels);
      policy::Endpoint endpoint;
      endpoint.namespace_ = std::move(pod.namespace_);
      endpoint.name = "policyc-verify-peer-" + std::to_string(plan.cluster.endpoints.size());
      endpoint.cluster = std::move(pod.cluster);
      endpoint.service_account = std::move(pod.service_account);
      endpoint.labels = std::move(pod.labels);
      plan.peers.push_back({{eval::Peer::Kind::Endpoint, endpoint.full_name(), {}}, true, true});
      plan.cluster.endpoints.push_back(std::move(endpoint));
    }
  }

  // The first plan where the namespace has these labels or can be given them.
  WorldPlan& plan_with(const std::string& name, const policy::StringMap& labels) {
    for (const auto& plan : plans_) {
      const auto [found, is_new] = plan->cluster.namespaces.edit().try_emplace(name, labels);
      if (is_new || found->second == labels) return *plan;
    }
    plans_.push_back(std::make_unique<WorldPlan>(model_, subject_, subject_.own));
    plans_.back()->cluster.namespaces.edit()[name] = labels;
    return *plans_.back();
  }

  void add_nodes(const std::vector<const policy::Selector*>& selectors) {
    const NodeWitnesses found = node_witnesses(selectors, model_.agent, limit_);
    left_out_ += found.left_out;
    WorldPlan& plan = *plans_.front();
    for (const policy::StringMap& labels : found.labels) {
      for (const NodeRole role : {NodeRole::RemoteNode, NodeRole::KubeApiServer}) {
        for (const bool v6 : {false, true}) {
          if (const auto address = plan.free.take_outside(v6))
            plan.add_node(role, labels, *address);
        }
      }
    }
  }

  // All addresses of the host are one identity, so this host needs a world of its own.
  void add_api_server_host() {
    plans_.push_back(std::make_unique<WorldPlan>(model_, subject_, subject_.own));
    WorldPlan& plan = *plans_.back();
    if (const auto address = plan.free.take_outside(false))
      plan.add_node(NodeRole::KubeApiServerHost, {}, *address);
    plan.add_entity("host");
  }

  Peers build() {
    Peers out;
    out.left_out = left_out_;
    for (auto& plan : plans_) {
      out.worlds.push_back(
          std::make_unique<World>(std::move(plan->cluster), *plan->entries, model_.agent));
      for (PlannedPeer& planned : plan->peers) {
        policy::LabelSet labels = out.worlds.back()->labels_of(planned.peer);
        out.witnesses.push_back({out.worlds.size() - 1, std::move(planned), std::move(labels)});
      }
    }
    return out;
  }

  const Model& model_;
  const Subject& subject_;
  const ir::Shape& shape_;
  std::size_t limit_;
  std::vector<std::unique_ptr<WorldPlan>> plans_;
  std::set<std::string> taken_namespaces_;
  std::map<policy::StringMap, std::string> unnamed_;
  std::size_t last_unnamed_ = 0;
  std::size_t left_out_ = 0;
};

}  // namespace

Peers enumerate_peers(const Model& model, const Subject& subject, const ir::Shape& shape,
                      std::size_t limit) {
  return PeerPlanner(model, subject, shape, limit).run();
}

}  // namespace policyc::verify
