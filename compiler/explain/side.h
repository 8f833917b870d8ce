#pragma once
// One side of a connection as people name it: a pod, labels, an entity, addresses, a DNS name.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/policy/cluster.h"
#include "compiler/policy/selector.h"

namespace policyc::explain {

struct Side {
  enum class Kind : std::uint8_t {
    Pod,     // `name`: "namespace/name"
    Labels,  // every pod that meets `labels`; without any, every pod
    Entity,  // `name`: "world", "host", "cluster", "all", ...
    Prefix,  // every address of `prefix`
    Name,    // what the DNS name `name` resolves to
  } kind = Kind::Labels;
  std::string name;
  std::vector<policy::Requirement> labels;
  IpPrefix prefix;
  std::string text;  // as written, for people
};

// Entities that may be named: those of policies, `none` apart.
[[nodiscard]] const std::vector<std::string>& entity_names();

// A label key as written: `ns` and `namespace` stand for the pod's namespace, `sa` for its service
// account; `k8s:app` asks for that source, `app` for any.
void set_label_key(policy::Requirement& requirement, std::string_view written);

// A pod that has exactly what a side asks for, when it asks for values alone (`app=web,ns=shop`):
// what labels mean where no pod of an inventory has them. Nothing of other sides.
[[nodiscard]] std::vector<policy::Endpoint> imagined_pod(const Side& side);

}  // namespace policyc::explain
