#include "compiler/driver/session_services.h"

namespace policyc::driver {
namespace {

constexpr const char* kZoneLabel = "topology.kubernetes.io/zone";

}  // namespace

SessionServices::SessionServices(service::NodeView node, const service::Defaults& defaults)
    : settings_(std::move(node)), defaults_(defaults), view_(settings_) {
  directory_.emplace(view_, defaults_);
}

std::map<SessionServices::Id, SessionServices::Object> SessionServices::objects_of(
    const SessionFile& file) {
  std::map<Id, Object> result;
  if (file.inventory) {
    for (const auto& [key, pod] : file.inventory->pods())
      result[{Kind::Pod, key.first, key.second}] = {};
    for (const auto& key : file.inventory->pods_gone())
      result[{Kind::Pod, key.first, key.second}] = {};
  }
  const service::Objects& objects = file.services;
  for (const auto& one : objects.services) result[{Kind::Service, one.namespace_, one.name}] = &one;
  for (const auto& one : objects.slices) {
    const Kind kind = one.legacy ? Kind::LegacySlice : Kind::Slice;
    result[{kind, one.namespace_, one.name}] = &one;
  }
  for (const auto& one : objects.pods) result[{Kind::Pod, one.namespace_, one.name}] = &one;
  for (const auto& one : objects.nodes) result[{Kind::Node, "", one.name}] = &one;
  return result;
}

void SessionServices::replace(const std::string& key, const SessionFile* before,
                              const SessionFile* now) {
  std::set<Id> changed;
  if (before != nullptr) {
    for (const auto& [id, object] : objects_of(*before)) {
      const auto found = objects_.find(id);
      if (found == objects_.end()) continue;
      found->second.erase(key);
      if (found->second.empty()) objects_.erase(found);
      changed.insert(id);
    }
  }
  if (now != nullptr) {
    for (const auto& [id, object] : objects_of(*now)) {
      objects_[id][key] = object;
      changed.insert(id);
    }
  }
  bool node_changed = false;
  for (const Id& id : changed) {
    const bool is_own_node = std::get<0>(id) == Kind::Node && std::get<2>(id) == settings_.name;
    node_changed = node_changed || is_own_node;
    if (std::get<0>(id) != Kind::Node) apply(id);
  }
  if (node_changed) look_at_node();
}

// Tells the directory what counts of an object now.
void SessionServices::apply(const Id& id) {
  const auto& [kind, name_space, name] = id;
  const auto found = objects_.find(id);
  const Object object = found == objects_.end() ? Object{} : found->second.rbegin()->second;
  std::string service;
  if (const auto* one = std::get_if<const service::Service*>(&object)) {
    service = directory_->upsert(**one);
  } else if (const auto* slice = std::get_if<const service::EndpointSlice*>(&object)) {
    // It may have been another service's until now.
    touched_.insert(directory_->remove_slice(name_space, name, (*slice)->legacy));
    service = directory_->upsert(**slice);
  } else if (const auto* pod = std::get_if<const service::HostPortPod*>(&object)) {
    service = directory_->upsert(**pod);
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
