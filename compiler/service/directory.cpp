#include "compiler/service/directory.h"

#include <algorithm>

#include "compiler/service/builder.h"

namespace policyc::service {
namespace {

constexpr const char* kNodeLabel = "service.cilium.io/node";

std::string full_name(const std::string& name_space, const std::string& name) {
  return name_space + "/" + name;
}

}  // namespace

std::string host_port_name(const std::string& name_space, const std::string& name) {
  return "pod:" + full_name(name_space, name);
}

std::string Directory::upsert(Service service) {
  std::string name = service.full_name();
  services_.insert_or_assign(name, std::move(service));
  return name;
}

std::string Directory::upsert(EndpointSlice slice) {
  const std::string name = full_name(slice.namespace_, slice.service);
  const SliceKey key{slice.name, slice.legacy};
  owners_[{slice.namespace_, key}] = name;
  slices_[name].insert_or_assign(key, std::move(slice));
  return name;
}

std::string Directory::upsert(HostPortPod pod) {
  std::string name = host_port_name(pod.namespace_, pod.name);
  pods_.insert_or_assign(name, std::move(pod));
  return name;
}

std::string Directory::remove_service(const std::string& name_space, const std::string& name) {
  const std::string full = full_name(name_space, name);
  services_.erase(full);
  return full;
}

std::string Directory::remove_slice(const std::string& name_space, const std::string& name,
                                    bool legacy) {
  const SliceKey key{name, legacy};
  const auto owner = owners_.find({name_space, key});
  if (owner == owners_.end()) return {};
  const std::string service = owner->second;
  owners_.erase(owner);
  const auto slices = slices_.find(service);
  slices->second.erase(key);
  if (slices->second.empty()) slices_.erase(slices);
  return service;
}

std::string Directory::remove_pod(const std::string& name_space, const std::string& name) {
  std::string full = host_port_name(name_space, name);
  pods_.erase(full);
  return full;
}

std::optional<DesiredService> Directory::desired(const std::string& name) const {
  DesiredService result;
  if (const auto service = services_.find(name); service != services_.end()) {
    result = build(service->second);
  } else if (const auto pod = pods_.find(name); pod != pods_.end()) {
    result = build(pod->second);
  }
  if (result.frontends.empty()) return std::nullopt;
  return result;
}

std::vector<DesiredService> Directory::all() const {
  std::vector<DesiredService> result;
  const auto add = [&result](DesiredService service) {
    if (!service.frontends.empty()) result.push_back(std::move(service));
  };
  for (const auto& [name, pod] : pods_) add(build(pod));
  for (const auto& [name, service] : services_) add(build(service));
  std::ranges::sort(result, {}, &DesiredService::name);
  return result;
}

std::vector<HealthCheck> Directory::health_checks() const {
  std::vector<HealthCheck> result;
  for (const auto& [name, service] : services_) {
    if (service.health_check_node_port == 0 || !is_of_this_node(service)) continue;
    result.push_back({service.namespace_, service.name, service.health_check_node_port,
                      count_local_endpoints(service, slices_of(service), node_.name)});
  }
  return result;
}

bool Directory::is_of_this_node(const Service& service) const {
  if (!service.only_node) return true;
  const auto label = node_.labels.find(kNodeLabel);
  return label != node_.labels.end() && label->second == *service.only_node;
}

std::vector<const EndpointSlice*> Directory::slices_of(const Service& service) const {
  std::vector<const EndpointSlice*> slices;
  const auto found = slices_.find(service.full_name());
  if (found == slices_.end()) return slices;
  bool has_slice = false;
  for (const auto& [key, slice] : found->second) has_slice = has_slice || !slice.legacy;
  for (const auto& [key, slice] : found->second) {
    if (!slice.legacy || !has_slice) slices.push_back(&slice);
  }
  return slices;
}

DesiredService Directory::build(const Service& service) const {
  if (!is_of_this_node(service)) return {};
  return build_service(service, slices_of(service), node_, defaults_);
}

DesiredService Directory::build(const HostPortPod& pod) const {
  return build_host_ports(pod, node_, defaults_);
}

}  // namespace policyc::service
