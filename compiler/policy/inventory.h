#pragma once
// What exists in a cluster, read from manifests: pods and workloads, namespaces, services, nodes,
// and Cilium's own CiliumEndpoint, CiliumIdentity and CiliumNode.

#include <map>
#include <set>
#include <string>
#include <vector>

#include "compiler/diag/diag.h"
#include "compiler/manifest/document.h"
#include "compiler/policy/cluster.h"
#include "compiler/policy/options.h"
#include "compiler/support/rare.h"

namespace policyc::policy {

class Inventory {
 public:
  Inventory(const Options& options, diag::Engine& diagnostics)
      : options_(options), diagnostics_(diagnostics) {}

  // False when the kind is none that says what exists. A later document with the same kind,
  // namespace and name replaces the earlier one. A value that cannot be read is reported, and the
  // object left out.
  bool add(const manifest::Document& document);

  // As if the documents of the other one were added now.
  void add(const Inventory& later);

  // Everything added: pods come first, sorted by namespace and name; then what else is an endpoint.
  [[nodiscard]] Cluster take();

  using Key = std::pair<std::string, std::string>;  // namespace, name
  // What documents of kind Pod said, and those of kind CiliumEndpoint of pods of other clusters,
  // which are named "name@cluster": whatever is here has names of its own.
  [[nodiscard]] const std::map<Key, EndpointRef>& pods() const { return pods_; }
  [[nodiscard]] const std::set<Key>& pods_gone() const { return *pods_gone_; }
  [[nodiscard]] const std::map<Key, EndpointRef>& cilium_endpoints() const {
    return cilium_endpoints_;
  }
  // What those said of their namespaces' labels: by namespace, each label as it was seen first.
  [[nodiscard]] const std::map<std::string, StringMap>& seen_namespace_labels() const {
    return seen_namespace_labels_;
  }
  // Whether there was nothing but what pods() and cilium_endpoints() have.
  [[nodiscard]] bool only_pods() const;

  // What stands beside endpoints and their namespaces. Nothing as an Inventory: one that says
  // nothing.
  [[nodiscard]] static bool same_services(const Inventory* a, const Inventory* b);
  [[nodiscard]] static bool same_nodes(const Inventory* a, const Inventory* b);
  // Whether namespaces are the same and neither has endpoints other than pods: workloads,
  // identities.
  [[nodiscard]] static bool same_namespaces(const Inventory* a, const Inventory* b);
  // As add(), but for services and nodes alone.
  void add_services_and_nodes(const Inventory& later);
  // As take() has them.
  [[nodiscard]] std::vector<Service> take_services();
  [[nodiscard]] std::vector<ClusterNode> take_nodes();

 private:
  struct Backends {
    std::string service;
    std::vector<IpAddress> addresses;
    friend bool operator==(const Backends&, const Backends&) = default;
  };

  void add_namespace(const manifest::Document& document);
  void add_pod(const manifest::Document& document);
  void add_workload(const manifest::Document& document);
  void add_service(const manifest::Document& document);
  void add_endpoint_slice(const manifest::Document& document);
  void add_endpoints(const manifest::Document& document);
  void add_node(const manifest::Document& document);
  void add_cilium_node(const manifest::Document& document);
  void add_cilium_endpoint(const manifest::Document& document);
  void add_cilium_identity(const manifest::Document& document);

  // An endpoint from identity labels `source:key`, whose derived labels become its namespace,
  // account and cluster. Those of its namespace become the namespace's; an endpoint of another
  // cluster keeps them itself.
  [[nodiscard]] Endpoint endpoint_from_labels(
      const std::vector<std::pair<std::string, std::string>>& labels);
  [[nodiscard]] std::vector<IpAddress> read_addresses(const manifest::Node& object,
                                                      std::string_view field, bool& ok);
  void read_address(const manifest::Node& object, std::string_view field,
                    std::vector<IpAddress>& addresses, bool& ok);
  void report(source::NodeId node, std::string message);

  const Options& options_;
  diag::Engine& diagnostics_;
  std::map<Key, EndpointRef> pods_;
  std::map<Key, EndpointRef> cilium_endpoints_;
  // From identities, for namespaces without a manifest.
  std::map<std::string, StringMap> seen_namespace_labels_;
  // What a document said is over, or shares the host's identity: an earlier one does not count.
  Rare<std::set<Key>> pods_gone_;
  // Many files have one pod and nothing else.
  struct Others {
    std::map<std::string, StringMap> namespaces;
    std::map<std::pair<std::string, Key>, EndpointRef> workloads;  // by kind too
    std::set<std::pair<std::string, Key>> workloads_gone;          // as pods_gone_
    std::map<std::string, EndpointRef> identities;
    std::map<Key, Service> services;
    std::map<std::pair<std::string, Key>, Backends> backends;
    std::map<std::string, ClusterNode> nodes;
    std::map<std::string, std::vector<ClusterNode>> cilium_nodes;

    void add(const Others& later);
    void add_services_and_nodes(const Others& later);
  };
  Rare<Others> others_;
  // Nothing as an Inventory: one that says nothing.
  [[nodiscard]] static const Others& others_of(const Inventory* inventory);
};

// A pod with its addresses and those that its CiliumEndpoint has.
[[nodiscard]] EndpointRef with_addresses_of(const EndpointRef& pod, const Endpoint& published);
// The labels of metadata; values that are not strings are left out.
[[nodiscard]] StringMap metadata_labels(const manifest::Node& object);
// The namespace that an object without one is created in.
[[nodiscard]] std::string namespace_of(const manifest::Document& document);

}  // namespace policyc::policy
