#include "compiler/driver/session_cluster.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace policyc::driver {

void SessionCluster::own(const std::string& file, const SessionFile& from, bool coming) {
  const auto put = [&](FileVersions& versions, const Key& key,
                       const policy::EndpointRef& endpoint) {
    if (coming) {
      versions.put(key, file, endpoint);
    } else {
      versions.remove(key, file);
    }
    if (!stale_) touched_.insert(key);
  };
  for (const auto& [key, pod] : from.inventory->pods()) put(pods_, key, pod);
  for (const Key& key : from.inventory->pods_gone()) put(pods_, key, nullptr);
  for (const auto& [key, endpoint] : from.inventory->cilium_endpoints())
    put(published_, key, endpoint);
}

void SessionCluster::replace(const std::string& key, const SessionFile* before,
                             const SessionFile* now) {
  const policy::Inventory* was = before == nullptr ? nullptr : before->inventory.get();
  const policy::Inventory* is = now == nullptr ? nullptr : now->inventory.get();
  const bool goes = was != nullptr;
  const bool comes = is != nullptr;
  stale_ = stale_ || !policy::Inventory::same_namespaces(was, is);
  services_stale_ = services_stale_ || !policy::Inventory::same_services(was, is);
  nodes_stale_ = nodes_stale_ || !policy::Inventory::same_nodes(was, is);
  beside_pods_.erase(key);
  if (comes && !is->only_pods()) beside_pods_.emplace(key, now);
  // What comes first: labels that are seen before and after have not changed.
  if (comes && seen_labels_.add(*now->inventory)) stale_ = true;
  if (goes && seen_labels_.remove(*before->inventory)) stale_ = true;
  if (goes) own(key, *before, false);
  if (comes) own(key, *now, true);
}

const std::string* SessionCluster::file_of(const std::string& name_space,
                                           const std::string& name) const {
  return pods_.file_of(Key{name_space, name});
}

// Whether more of the cluster than its endpoints depends on that one.
bool SessionCluster::needs_rebuild(const Key& key) const {
  return !key.first.empty() && !cluster_.namespaces.contains(key.first) &&
         (pods_.find(key) || published_.find(key));
}

// `wanted`, by key, have their places among `count` endpoints from `begin` on, which are sorted;
// nothing: there is none.
void SessionCluster::place(const Wanted& wanted, std::size_t begin, std::size_t& count,
                           Change& change, std::size_t& shift) const {
  const policy::EndpointList& list = cluster_.endpoints;
  const std::size_t end = begin + count;
  std::size_t at = begin;
  for (const auto& [key, now] : wanted) {
    at = list.find_place(at, end, [&key = *key](const policy::Endpoint& endpoint) {
      return std::tie(endpoint.namespace_, endpoint.name) < std::tie(key.first, key.second);
    });
    const policy::EndpointRef* before = nullptr;
    if (at != end && list[at].namespace_ == key->first && list[at].name == key->second)
      before = &list.ref(at);
    if ((before == nullptr && !now) || (before != nullptr && now && **before == *now)) continue;
    // A neighbour of the last one goes with it.
    const std::size_t position = at + shift;
    auto& splices = change.splices;
    if (splices.empty() || splices.back().position + splices.back().added.size() != position)
      splices.push_back({position, 0, {}});
    if (before != nullptr) {
      ++splices.back().removed;
      change.gone.push_back(*before);
      ++at;
      --shift;
      --count;
    }
    if (now) {
      splices.back().added.push_back(now);
      change.come.push_back(now);
      ++shift;
      ++count;
    }
  }
}

// What was touched, as Inventory::take() has it.
void SessionCluster::put_touched(Change& change) {
  Wanted pods;
  Wanted published;
  for (const Key& key : touched_) {
    policy::EndpointRef pod = pods_.find(key);
    policy::EndpointRef endpoint = published_.find(key);
    if (pod && endpoint) pod = policy::with_addresses_of(pod, *std::exchange(endpoint, nullptr));
    pods.emplace_back(&key, std::move(pod));
    published.emplace_back(&key, std::move(endpoint));
  }
  const std::size_t begin = pod_count_;
  std::size_t shift = 0;  // of what is behind; wraps around when fewer are
  place(pods, 0, pod_count_, change, shift);
  place(published, begin, published_count_, change, shift);
  cluster_.endpoints.splice(change.splices);
}

void SessionCluster::rebuild(const FilesInOrder& files, Change& change) {
  const policy::EndpointList before = std::move(cluster_.endpoints);
  diag::Engine nothing;
  policy::Inventory inventory(options_, nothing);
  for (const auto& [key, file] : files()) {
    if (file->inventory) inventory.add(*file->inventory);
  }
  pod_count_ = inventory.pods().size();
  published_count_ = 0;
  for (const auto& [key, endpoint] : inventory.cilium_endpoints())
    published_count_ += inventory.pods().contains(key) ? 0U : 1U;
  cluster_ = inventory.take();
  add_host();
  others_.clear();
  const policy::EndpointList& list = cluster_.endpoints;
  for (std::size_t i = pod_count_ + published_count_; i < list.size(); ++i)
    others_.try_emplace(Key{list[i].namespace_, list[i].name}, list.ref(i));
  change.more_than_pods = true;
  if (auto splice = policy::EndpointList::splice_between(before, cluster_.endpoints))
    change.splices.push_back(std::move(*splice));
}

// As rebuild() has them.
void SessionCluster::update_services_and_nodes(Change& change) {
  diag::Engine nothing;
  policy::Inventory inventory(options_, nothing);
  for (const auto& [key, file] : beside_pods_) inventory.add_services_and_nodes(*file->inventory);
  if (services_stale_) {
    auto services = inventory.take_services();
    change.services = services != cluster_.services.get();
    if (change.services) cluster_.services = std::move(services);
  }
  if (!nodes_stale_) return;
  const auto before = std::exchange(cluster_.nodes, inventory.take_nodes());
  add_host();
  change.nodes = before != cluster_.nodes;
  if (!change.nodes) cluster_.nodes = before;
}

// This node is the host. What the settings say of its addresses counts beside its manifest.
void SessionCluster::add_host() {
  if (node_.name.empty()) return;
  std::vector<IpAddress> missing = node_.addresses;
  std::vector<policy::ClusterNode>& nodes = cluster_.nodes.edit();
  for (policy::ClusterNode& other : nodes) {
    if (other.name == node_.name && other.role == policy::NodeRole::RemoteNode)
      other.role = policy::NodeRole::Host;
    std::erase_if(missing, [&](const IpAddress& address) {
      return std::ranges::find(other.addresses, address) != other.addresses.end();
    });
  }
  if (missing.empty()) return;
  const auto place = std::ranges::upper_bound(nodes, node_.name, {}, &policy::ClusterNode::name);
  nodes.insert(place,
               policy::ClusterNode{policy::NodeRole::Host, node_.name, {}, std::move(missing)});
}

bool SessionCluster::changes_little() const {
  constexpr std::size_t kFew = 256;
  return !stale_ && !services_stale_ && !nodes_stale_ && touched_.size() <= kFew &&
         std::ranges::none_of(touched_, [this](const Key& key) {
           return needs_rebuild(key) || (!pods_.find(key) && !published_.find(key));
         });
}

SessionCluster::Change SessionCluster::update(const FilesInOrder& files) {
  Change change;
  change.any = stale_ || services_stale_ || nodes_stale_ || !touched_.empty();
  // Many changes at once are cheaper in one piece.
  constexpr std::size_t kMany = 4096;
  stale_ = stale_ || touched_.size() > kMany ||
           std::ranges::any_of(touched_, [this](const Key& key) { return needs_rebuild(key); });
  if (stale_) {
    rebuild(files, change);
  } else {
    put_touched(change);
    if (services_stale_ || nodes_stale_) update_services_and_nodes(change);
  }
  change.touched = std::exchange(touched_, {});
  stale_ = services_stale_ = nodes_stale_ = false;
  return change;
}

const policy::Endpoint* SessionCluster::find(const std::string& name_space,
                                             const std::string& name) const {
  const Key key{name_space, name};
  if (const auto pod = pods_.find(key)) return pod.get();
  if (const auto endpoint = published_.find(key)) return endpoint.get();
  // Workloads have names of their own, which mean no pod.
  if (pods_.file_of(key) == nullptr) return nullptr;
  const auto found = others_.find(key);
  return found == others_.end() ? nullptr : found->second.get();
}

}  // namespace policyc::driver
