#include "compiler/driver/session_cluster.h"

#include <algorithm>
#include <functional>
#include <tuple>

namespace policyc::driver {

std::size_t SessionCluster::KeyHash::operator()(const Key& key) const noexcept {
  const std::hash<std::string> hash;
  return hash(key.first) * 31 + hash(key.second);
}

void SessionCluster::own(const std::string& file, const SessionFile& from, bool coming) {
  const auto put = [&](const Key& key, const policy::EndpointRef& pod) {
    std::vector<Owner>& owners = owners_[key];
    const auto at = std::ranges::lower_bound(owners, file, {}, &Owner::file);
    const bool is_there = at != owners.end() && at->file == file;
    if (coming && is_there) {
      at->pod = pod;
    } else if (coming) {
      owners.insert(at, Owner{file, pod});
    } else if (is_there) {
      owners.erase(at);
    }
    if (owners.empty()) owners_.erase(key);
    if (!stale_) touched_.insert(key);
  };
  for (const auto& [key, pod] : from.inventory->pods()) put(key, pod);
  for (const Key& key : from.inventory->pods_gone()) put(key, nullptr);
}

void SessionCluster::replace(const std::string& key, const SessionFile* before,
                             const SessionFile* now) {
  for (const SessionFile* file : {before, now}) {
    if (file == nullptr || !file->inventory) continue;
    stale_ = stale_ || !file->inventory->only_pods();
    own(key, *file, file == now);
  }
}

policy::EndpointRef SessionCluster::pod_of(const Key& key) const {
  const auto found = owners_.find(key);
  return found == owners_.end() ? nullptr : found->second.back().pod;
}

const std::string* SessionCluster::file_of(const std::string& name_space,
                                           const std::string& name) const {
  const auto found = owners_.find(Key{name_space, name});
  return found == owners_.end() ? nullptr : &found->second.back().file;
}

// Whether more of the cluster than its pods depends on that pod.
bool SessionCluster::needs_rebuild(const Key& key) const {
  return cilium_endpoints_.contains(key) ||
         (pod_of(key) && !key.first.empty() && !cluster_.namespaces.contains(key.first));
}

void SessionCluster::put_pod(const Key& key, Change& change) {
  const policy::EndpointList& list = cluster_.endpoints;
  const auto end = list.begin() + static_cast<std::ptrdiff_t>(pods_);
  const auto place = std::partition_point(list.begin(), end, [&key](const policy::Endpoint& pod) {
    return std::tie(pod.namespace_, pod.name) < std::tie(key.first, key.second);
  });
  policy::EndpointSplice splice;
  splice.position = static_cast<std::size_t>(place - list.begin());
  const bool is_there = place != end && place->namespace_ == key.first && place->name == key.second;
  policy::EndpointRef now = pod_of(key);
  if (is_there && now && *place == *now) return;
  if (is_there) {
    splice.removed = 1;
    change.gone.push_back(list.ref(splice.position));
    --pods_;
  }
  if (now) {
    splice.added.push_back(now);
    change.come.push_back(std::move(now));
    ++pods_;
  }
  if (splice.removed == 0 && splice.added.empty()) return;
  cluster_.endpoints.splice(splice);
  change.splices.push_back(std::move(splice));
}

void SessionCluster::rebuild(const FileMap& files, Change& change) {
  const policy::EndpointList before = std::move(cluster_.endpoints);
  diag::Engine nothing;
  policy::Inventory inventory(options_, nothing);
  for (const auto& [key, file] : files) {
    if (file->inventory) inventory.add(*file->inventory);
  }
  cilium_endpoints_.clear();
  for (const auto& [key, endpoint] : inventory.cilium_endpoints()) cilium_endpoints_.insert(key);
  pods_ = inventory.pods().size();
  cluster_ = inventory.take();
  add_host();
  others_.clear();
  const policy::EndpointList& list = cluster_.endpoints;
  for (std::size_t i = pods_; i < list.size(); ++i)
    others_.try_emplace(Key{list[i].namespace_, list[i].name}, list.ref(i));
  change.more_than_pods = true;
  if (auto splice = policy::EndpointList::splice_between(before, cluster_.endpoints))
    change.splices.push_back(std::move(*splice));
}

// This node is the host. What the settings say of its addresses counts beside its manifest.
void SessionCluster::add_host() {
  if (node_.name.empty()) return;
  std::vector<IpAddress> missing = node_.addresses;
  for (policy::ClusterNode& other : cluster_.nodes) {
    if (other.name == node_.name && other.role == policy::NodeRole::RemoteNode)
      other.role = policy::NodeRole::Host;
    std::erase_if(missing, [&](const IpAddress& address) {
      return std::ranges::find(other.addresses, address) != other.addresses.end();
    });
  }
  if (missing.empty()) return;
  const auto place =
      std::ranges::upper_bound(cluster_.nodes, node_.name, {}, &policy::ClusterNode::name);
  cluster_.nodes.insert(
      place, policy::ClusterNode{policy::NodeRole::Host, node_.name, {}, std::move(missing)});
}

SessionCluster::Change SessionCluster::update(const FileMap& files) {
  Change change;
  change.any = stale_ || !touched_.empty();
  // Many changes at once are cheaper in one piece.
  constexpr std::size_t kMany = 4096;
  stale_ = stale_ || touched_.size() > kMany ||
           std::ranges::any_of(touched_, [this](const Key& key) { return needs_rebuild(key); });
  if (stale_) {
    rebuild(files, change);
  } else {
    for (const Key& key : touched_) put_pod(key, change);
  }
  touched_.clear();
  stale_ = false;
  return change;
}

const policy::Endpoint* SessionCluster::find(const std::string& name_space,
                                             const std::string& name) const {
  const Key key{name_space, name};
  if (const auto pod = pod_of(key)) return pod.get();
  // Workloads have names of their own, which mean no pod.
  if (!cilium_endpoints_.contains(key) && !owners_.contains(key)) return nullptr;
  const auto found = others_.find(key);
  return found == others_.end() ? nullptr : found->second.get();
}

}  // namespace policyc::driver
