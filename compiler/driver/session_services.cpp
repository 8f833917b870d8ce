#include "compiler/driver/session_services.h"

namespace policyc::driver {
namespace {

constexpr const char* kZoneLabel = "topology.kubernetes.io/zone";

}  // namespace

SessionServices::SessionServices(service::NodeView node, const service::Defaults& defaults,
                                 const SessionCluster& cluster)
    : cluster_(cluster), settings_(std::move(node)), defaults_(defaults), view_(settings_) {
  directory_.emplace(view_, defaults_);
}

std::map<SessionServices::Id, SessionServices::Object> SessionServices::objects_of(
    const SessionFile& file) {
  std::map<Id, Object> result;
  const service::Objects& objects = *file.services;
  for (const auto& one : objects.services) result[{Kind::Service, one.namespace_, one.name}] = &one;
  for (const auto& one : objects.slices) {
    const Kind kind = one.legacy ? Kind::LegacySlice : Kind::Slice;
    result[{kind, one.namespace_, one.name}] = &one;
  }
  for (const auto& one : objects.pods) result[{Kind::Pod, one.namespace_, one.name}] = &one;
  for (const auto& one : objects.nodes) result[{Kind::Node, "", one.name}] = &one;
  return result;
}

void SessionServices::add_pods_of(const SessionFile& file, std::set<Id>& ids) const {
  if (!file.inventory || pods_ == 0) return;
  const auto add = [&](const policy::Inventory::Key& key) {
    Id id{Kind::Pod, key.first, key.second};
    if (objects_.contains(id)) ids.insert(std::move(id));
  };
  for (const auto& [key, pod] : file.inventory->pods()) add(key);
  for (const auto& key : file.inventory->pods_gone()) add(key);
}

void SessionServices::replace(const std::string& key, const SessionFile* before,
                              const SessionFile* now) {
  std::set<Id> changed;
  for (const SessionFile* file : {before, now}) {
    if (file == nullptr) continue;
    for (const auto& [id, object] : objects_of(*file)) {
      const bool is_pod = std::get<0>(id) == Kind::Pod;
      if (file == now) {
        auto& files = objects_[id];
        pods_ += is_pod && files.empty() ? 1U : 0U;
        files[key] = object;
      } else if (const auto found = objects_.find(id); found != objects_.end()) {
        found->second.erase(key);
        pods_ -= is_pod && found->second.empty() ? 1U : 0U;
        if (found->second.empty()) objects_.erase(found);
      }
      changed.insert(id);
    }
  }
  for (const SessionFile* file : {before, now}) {
    if (file != nullptr) add_pods_of(*file, changed);
  }
  bool node_changed = false;
  for (const Id& id : changed) {
    const bool is_own_node = std::get<0>(id) == Kind::Node && std::get<2>(id) == settings_.name;
    node_changed = node_changed || is_own_node;
    if (std::get<0>(id) != Kind::Node) apply(id);
  }
  if (node_changed) look_at_node();
}

std::optional<SessionServices::Object> SessionServices::object_of(const Id& id) const {
  const auto found = objects_.find(id);
  if (found == objects_.end()) return std::nullopt;
  const auto& [file, object] = *found->second.rbegin();
  const auto& [kind, name_space, name] = id;
  if (kind == Kind::Pod) {
    const std::string* counts = cluster_.file_of(name_space, name);
    if (counts == nullptr || *counts != file) return std::nullopt;
  }
  return object;
}

// Tells the directory what counts of an object now.
void SessionServices::apply(const Id& id) {
  const auto& [kind, name_space, name] = id;
  const std::optional<Object> object = object_of(id);
  std::string service;
  if (object && std::holds_alternative<const service::Service*>(*object)) {
    service = directory_->upsert(*std::get<const service::Service*>(*object));
  } else if (object && std::holds_alternative<const service::EndpointSlice*>(*object)) {
    const service::EndpointSlice& slice = *std::get<const service::EndpointSlice*>(*object);
    // It may have been another service's until now.
    touched_.insert(directory_->remove_slice(name_space, name, slice.legacy));
    service = directory_->upsert(slice);
  } else if (object && std::holds_alternative<const service::HostPortPod*>(*object)) {
    service = directory_->upsert(*std::get<const service::HostPortPod*>(*object));
  } else if (kind == Kind::Service) {
    service = directory_->remove_service(name_space, name);
  } else if (kind == Kind::Slice || kind == Kind::LegacySlice) {
    service = directory_->remove_slice(name_space, name, kind == Kind::LegacySlice);
  } else if (kind == Kind::Pod) {
    service = directory_->remove_pod(name_space, name);
  }
  touched_.insert(service);
}

// The node's own manifest came, changed or went: every service may look different.
void SessionServices::look_at_node() {
  view_ = settings_;
  const auto found = objects_.find({Kind::Node, "", settings_.name});
  if (found != objects_.end()) {
    const auto* node = std::get<const service::NodeObject*>(found->second.rbegin()->second);
    view_.labels = node->labels;
    if (view_.addresses.empty()) view_.addresses = node->addresses;
    if (const auto zone = node->labels.find(kZoneLabel);
        view_.zone.empty() && zone != node->labels.end())
      view_.zone = zone->second;
  }
  directory_.emplace(view_, defaults_);
  for (const auto& [id, files] : objects_) {
    if (std::get<0>(id) != Kind::Node) apply(id);
  }
  for (const auto& [name, service] : told_) touched_.insert(name);
}

SessionServices::Delta SessionServices::take(bool everything) {
  Delta delta;
  for (const std::string& name : touched_) {
    if (name.empty()) continue;
    auto desired = directory_->desired(name);
    const auto known = told_.find(name);
    if (!desired) {
      if (known == told_.end()) continue;
      told_.erase(known);
      delta.removed.push_back(name);
    } else if (known == told_.end() || known->second != *desired) {
      if (!everything) delta.changed.push_back(*desired);
      told_.insert_or_assign(name, std::move(*desired));
    }
  }
  touched_.clear();
  if (everything) {
    delta.removed.clear();
    for (const auto& [name, service] : told_) delta.changed.push_back(service);
  }
  return delta;
}

}  // namespace policyc::driver
