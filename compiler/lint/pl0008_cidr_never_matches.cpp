#include <map>
#include <optional>

#include "compiler/lint/look.h"
#include "compiler/lint/rules.h"

namespace policyc::lint {
namespace {

struct KnownPrefix {
  IpPrefix prefix;
  std::string what;  // "the pods' addresses"
  bool is_node = false;
};

void add_text(const manifest::Node* node, const std::string& what,
              std::vector<KnownPrefix>& known) {
  if (node == nullptr || !node->is_string()) return;
  if (const auto prefix = parse_ip_prefix(node->text)) {
    known.push_back({*prefix, what});
  } else if (const auto address = parse_ip_address(node->text)) {
    known.push_back({host_prefix(*address), what});
  }
}

const manifest::Node* inside(const manifest::Node* node, std::string_view key) {
  return node == nullptr || !node->is_mapping() ? nullptr : node->find(key);
}

void add_list(const manifest::Node* list, const std::string& what,
              std::vector<KnownPrefix>& known) {
  if (list == nullptr || !list->is_sequence()) return;
  for (const manifest::Node& item : list->items) add_text(&item, what, known);
}

// Addresses inside the cluster: whole ranges first.
std::vector<KnownPrefix> known_prefixes(const Model& model) {
  std::vector<KnownPrefix> known;
  for (const IpPrefix& prefix : model.in().facts.pod_prefixes)
    known.push_back({prefix, "the pod addresses of the cluster (" + prefix.to_string() + ")"});
  for (const manifest::Document& document : model.in().documents) {
    const manifest::Node* spec = inside(&document.root, "spec");
    const std::string name = diag::quoted(document.name.value);
    if (document.kind.value == "CiliumNode") {
      add_list(inside(inside(spec, "ipam"), "podCIDRs"), "the pod addresses of node " + name,
               known);
    } else if (document.kind.value == "Node") {
      add_list(inside(spec, "podCIDRs"), "the pod addresses of node " + name, known);
      add_text(inside(spec, "podCIDR"), "the pod addresses of node " + name, known);
    } else if (document.kind.value == "Service") {
      add_text(inside(spec, "clusterIP"),
               "service " + name + "; policies see the backend, after the service is translated",
               known);
      add_list(inside(spec, "clusterIPs"),
               "service " + name + "; policies see the backend, after the service is translated",
               known);
    }
  }
  for (const policy::Endpoint& endpoint : model.in().read.cluster.endpoints) {
    for (const IpAddress& address : endpoint.addresses)
      known.push_back({host_prefix(address), "pod " + diag::quoted(endpoint.full_name()),
                       endpoint.kind == policy::EndpointKind::Host});
  }
  for (const policy::ClusterNode& node : model.in().read.cluster.nodes) {
    if (node.role == policy::NodeRole::KubeApiServerExternal) continue;
    for (const IpAddress& address : node.addresses)
      known.push_back({host_prefix(address), "node " + diag::quoted(node.name), true});
  }
  return known;
}

// Ranges are few, single addresses as many as pods.
class Lookup {
 public:
  explicit Lookup(std::vector<KnownPrefix> known) : known_(std::move(known)) {
    for (const KnownPrefix& one : known_) {
      if (one.prefix.length == one.prefix.address.bit_length()) {
        hosts_.try_emplace(one.prefix.address, &one);
      } else {
        ranges_.push_back(&one);
      }
    }
  }
  [[nodiscard]] bool empty() const { return known_.empty(); }
  [[nodiscard]] const KnownPrefix* around(const IpPrefix& prefix) const {
    for (const KnownPrefix* range : ranges_) {
      if (range->prefix.contains(prefix)) return range;
    }
    if (prefix.length != prefix.address.bit_length()) return nullptr;
    const auto found = hosts_.find(prefix.address);
    return found == hosts_.end() ? nullptr : found->second;
  }

 private:
  std::vector<KnownPrefix> known_;
  std::vector<const KnownPrefix*> ranges_;
  std::map<IpAddress, const KnownPrefix*> hosts_;
};

void check(const Model& model, Findings& findings) {
  const Lookup known(known_prefixes(model));
  if (known.empty()) return;
  for_each_cidr(model, [&](const WrittenCidr& cidr) {
    if (cidr.is_exception) return;
    const KnownPrefix* one = known.around(cidr.prefix);
    if (one == nullptr || (one->is_node && model.in().agent.cidr_match_nodes)) return;
    findings
        .add(cidr.spec->object, cidr.text->node,
             diag::quoted(cidr.text->value) + " never matches: it lies inside " + one->what +
                 ", and CIDR rules do not match what is inside the cluster")
        .help = one->is_node ? "use `" + prefix_of(cidr.item->direction) +
                                   "Entities: [remote-node, host]`, or the agent's option "
                                   "`policy-cidr-match-mode: nodes`"
                             : "select pods by their labels, with `" +
                                   prefix_of(cidr.item->direction) + "Endpoints`";
  });
}

}  // namespace

constinit const Rule kCidrNeverMatches{
    .id = "PL0008",
    .name = "cidr-never-matches",
    .severity = diag::Severity::Error,
    .summary = "a CIDR inside the cluster's own addresses: it matches neither pods nor nodes",
    .what =
        "A prefix of `fromCIDR`, `toCIDR`, `fromCIDRSet`, `toCIDRSet` or `ipBlock` that lies "
        "inside addresses of pods, nodes or services. Those are known from the manifests "
        "(Node, CiliumNode, Service, pods with addresses) and from `cluster-pool-ipv4-cidr` "
        "and its like in `--cilium-config`.",
    .why =
        "Cilium knows pods and nodes by their identity and never by address: a CIDR rule does "
        "not match them (nodes only with `policy-cidr-match-mode: nodes`). Service addresses "
        "are translated before policy looks.",
    .example = R"(# cilium-config: cluster-pool-ipv4-cidr: 10.0.0.0/8
  egress:
  - toCIDR: [10.0.12.0/24]         # PL0008: pods of the cluster
)",
    .repair =
        "Select pods with `toEndpoints`, nodes with `toEntities: [remote-node]` or "
        "`toNodes`, services through their pods or `toServices`.",
    .check = check,
};

}  // namespace policyc::lint
