#pragma once
// What lint rules look at: the policies as written, their entries, what exists, and indices over
// them.

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "compiler/ir/builder.h"
#include "compiler/manifest/document.h"
#include "compiler/policy/address_book.h"
#include "compiler/policy/entry.h"
#include "compiler/policy/reader.h"
#include "compiler/source/source.h"

namespace policyc::lint {

// What the cluster is like, apart from what policy::Options says.
struct ClusterFacts {
  int major = 1;  // of Cilium
  int minor = 19;
  std::size_t policy_map_max = 16384;  // bpf-policy-map-max
  std::vector<IpPrefix> pod_prefixes;  // cluster-pool-ipv4-cidr and so on
  bool mesh_auth = false;              // mesh-auth-enabled
  bool audit_mode = false;             // policy-audit-mode
  bool config_given = false;           // the options are those of a cluster, not defaults
};

struct Inputs {
  const source::SourceMap& sources;
  const std::vector<manifest::Document>& documents;
  const policy::ReadResult& read;
  const policy::Resolved& resolved;
  const policy::Options& agent;
  ClusterFacts facts;
  bool complete_inventory = false;  // --endpoints: what is not there does not exist
};

// One item: an element of ingress, ingressDeny, egress, egressDeny of a CNP, CCNP or NetworkPolicy.
struct ItemView {
  const policy::RuleItem* item = nullptr;  // of a Cilium policy
  const policy::KubernetesRule* kubernetes = nullptr;
  policy::Direction direction = policy::Direction::Ingress;
  bool deny = false;
  std::string path;  // "spec.ingress[0]"
  source::NodeId node;
  std::vector<std::size_t> entries;  // indices into Resolved::entries
};

// `spec`, an element of `specs`, or a NetworkPolicy.
struct SpecView {
  const policy::CiliumPolicy* cilium = nullptr;
  const policy::Rule* rule = nullptr;
  const policy::KubernetesPolicy* kubernetes = nullptr;
  std::string object;      // "CiliumNetworkPolicy/shop/web"
  std::string name;        // metadata.name
  std::string namespace_;  // empty: clusterwide
  std::string path;        // "spec", "specs[1]"
  source::NodeId node;
  source::NodeId name_node;
  const policy::LabelSelector* subject = nullptr;
  std::vector<ItemView> items;

  [[nodiscard]] bool is_node_policy() const { return rule != nullptr && rule->node_selector; }
};

// Endpoints that no policy tells apart.
struct EndpointClass {
  policy::LabelSet labels;
  std::string namespace_;
  policy::EndpointKind kind = policy::EndpointKind::Pod;
  std::vector<const policy::Endpoint*> members;  // never empty
};

// "Kind/namespace/name" of a policy's document, as SpecView::object has it.
[[nodiscard]] std::string object_of(const manifest::Document& document);

class Model {
 public:
  explicit Model(const Inputs& inputs);
  Model(const Model&) = delete;  // it points into itself
  Model& operator=(const Model&) = delete;

  [[nodiscard]] const Inputs& in() const { return inputs_; }
  [[nodiscard]] const std::vector<SpecView>& specs() const { return specs_; }
  [[nodiscard]] const policy::Entry& entry(std::size_t index) const {
    return inputs_.resolved.entries[index];
  }
  // Nothing when there is no such entry: a rule that an agent option made.
  [[nodiscard]] std::optional<std::size_t> entry_of(const ir::Origin& origin) const;
  // The spec that an entry belongs to, and the item.
  [[nodiscard]] const SpecView* spec_of(std::size_t entry) const { return owners_[entry].spec; }
  [[nodiscard]] const ItemView* item_of(std::size_t entry) const { return owners_[entry].item; }

  // Entries that could apply to endpoints of a namespace (empty: without one), in order.
  [[nodiscard]] std::vector<const policy::Entry*> candidates(const std::string& name_space) const;
  [[nodiscard]] std::size_t index_of(const policy::Entry* entry) const {
    return static_cast<std::size_t>(entry - inputs_.resolved.entries.data());
  }

  // What exists. Pods and what workloads would make; hosts.
  [[nodiscard]] bool has_endpoints() const { return !classes_.empty(); }
  [[nodiscard]] const std::vector<EndpointClass>& classes() const { return classes_; }
  // The pods of a namespace are known to a policy: all of them, or some workload stands in the same
  // folder as the policy (or in the same stream).
  [[nodiscard]] bool knows_pods(const SpecView& spec, const std::string& name_space) const;
  // Classes that a selector matches, as indices; looks only into the namespaces that it can match.
  [[nodiscard]] std::vector<std::size_t> matching(const policy::Selector& selector) const;
  [[nodiscard]] bool matches_any(const policy::Selector& selector) const;
  // The document of a Pod or workload, or nullptr.
  [[nodiscard]] const manifest::Document* document_of(const policy::Endpoint& endpoint) const;
  // The document that a spec stands in, and its mapping `spec` or element of `specs`.
  [[nodiscard]] const manifest::Document* document_of(const SpecView& spec) const;
  [[nodiscard]] const manifest::Node* yaml_of(const SpecView& spec) const;
  [[nodiscard]] const policy::AddressBook& book() const { return book_; }

 private:
  struct Owner {
    const SpecView* spec = nullptr;
    const ItemView* item = nullptr;
  };

  void add_cilium(const policy::CiliumPolicy& policy);
  void add_kubernetes(const policy::KubernetesPolicy& policy);
  void add_classes();

  Inputs inputs_;
  policy::AddressBook book_;
  std::vector<SpecView> specs_;
  std::vector<Owner> owners_;
  std::unordered_map<std::string, std::size_t> entry_by_origin_;
  std::unordered_map<std::string, std::vector<const policy::Entry*>> by_namespace_;
  std::vector<EndpointClass> classes_;
  std::unordered_map<std::string, std::vector<std::size_t>> classes_by_namespace_;
  std::map<std::pair<std::string, std::string>, const manifest::Document*> endpoint_documents_;
  std::set<std::pair<std::string, std::string>> known_places_;  // namespace, folder of a workload
  std::unordered_map<std::string, const manifest::Document*> policy_documents_;  // by object
};

// The namespaces that a selector can match: those of its requirement on the namespace label.
// Nothing: any.
[[nodiscard]] std::optional<std::vector<std::string>> namespaces_of(
    const policy::Selector& selector);

}  // namespace policyc::lint
