#include "compiler/policy/entities.h"

#include <algorithm>
#include <array>

#include "compiler/policy/scope.h"

namespace policyc::policy {

namespace {

constexpr std::array<std::string_view, 10> kSingleLabelEntities = {
    "world-ipv4", "world-ipv6", "host",   "remote-node", "kube-apiserver",
    "init",       "ingress",    "health", "unmanaged",   "none",
};
constexpr std::array<std::string_view, 7> kClusterEntities = {
    "host", "remote-node", "init", "ingress", "health", "unmanaged", "kube-apiserver",
};

}  // namespace

Label reserved_label(std::string_view name) { return Label{"reserved", std::string(name), ""}; }

Selector reserved_selector(std::string_view name) {
  ExtendedSelector selector;
  selector.match_labels["reserved." + std::string(name)] = "";
  return to_selector(selector);
}

Label world_label(bool v6, const Options& options) {
  const bool dual_stack = options.ipv4 && options.ipv6;
  const bool family_is_on = v6 ? options.ipv6 : options.ipv4;
  if (!dual_stack && family_is_on) {
    return reserved_label("world");
  }
  return reserved_label(v6 ? "world-ipv6" : "world-ipv4");
}

std::vector<Selector> entity_selectors(std::string_view entity, const Options& options) {
  if (entity == "all") {
    return {wildcard_selector()};
  }
  if (entity == "world") {
    return {reserved_selector("world"), reserved_selector("world-ipv4"),
            reserved_selector("world-ipv6")};
  }
  if (entity == "cluster") {
    std::vector<Selector> selectors;
    for (const std::string_view name : kClusterEntities) {
      selectors.push_back(reserved_selector(name));
    }
    ExtendedSelector local_pods;
    local_pods.match_labels["k8s." + std::string(kClusterKey)] = options.cluster_name;
    selectors.push_back(to_selector(local_pods));
    return selectors;
  }
  if (std::find(kSingleLabelEntities.begin(), kSingleLabelEntities.end(), entity) !=
      kSingleLabelEntities.end()) {
    return {reserved_selector(entity)};
  }
  return {};
}

}  // namespace policyc::policy
