#include "compiler/policy/address_book.h"

#include <algorithm>
#include <functional>
#include <map>

#include "compiler/policy/entities.h"
#include "compiler/policy/l7/dns_pattern.h"
#include "compiler/policy/pod_labels.h"

namespace policyc::policy {

namespace {

// What all sources contribute for exactly one prefix.
struct Metadata {
  LabelSet labels;
  bool is_pod = false;  // the identity is the pod's own, whatever else is known
  bool is_node = false;
};

using MetadataMap = std::map<IpPrefix, Metadata>;

IpPrefix masked(const IpAddress& address, int length) {
  IpPrefix prefix{address, length};
  for (int bit = length; bit < address.bit_length(); ++bit) {
    std::uint8_t& byte = prefix.address.bytes[static_cast<std::size_t>(bit / 8)];
    byte = static_cast<std::uint8_t>(byte & ~(0x80 >> (bit % 8)));
  }
  return prefix;
}

LabelSet node_labels(const ClusterNode& node, const Options& options) {
  LabelSet labels;
  switch (node.role) {
    case NodeRole::Host:
      labels.add(reserved_label("host"));
      break;
    case NodeRole::RemoteNode:
      labels.add(reserved_label("remote-node"));
      break;
    case NodeRole::KubeApiServer:
      labels.add(reserved_label("kube-apiserver"));
      labels.add(reserved_label("remote-node"));
      break;
    case NodeRole::KubeApiServerHost:
      labels.add(reserved_label("kube-apiserver"));
      labels.add(reserved_label("host"));
      break;
    case NodeRole::KubeApiServerExternal:
      labels.add(reserved_label("kube-apiserver"));
      break;
    case NodeRole::Health:
      labels.add(reserved_label("health"));
      break;
    case NodeRole::Ingress:
      labels.add(reserved_label("ingress"));
      break;
  }
  if (options.node_selector_labels && labels.has("reserved", "remote-node")) {
    for (const auto& [key, value] : node.labels) {
      if (options.node_labels.keeps("node", key)) labels.add(Label{"node", key, value});
    }
    labels.add(Label{"k8s", std::string(kClusterKey), options.cluster_name});
  }
  return labels;
}

void add_nodes(MetadataMap& metadata, const std::vector<ClusterNode>& nodes,
               const Options& options) {
  for (const ClusterNode& node : nodes) {
    const LabelSet labels = node_labels(node, options);
    for (const IpAddress& address : node.addresses) {
      Metadata& entry = metadata[host_prefix(address)];
      for (const Label& label : labels.all()) {
        entry.labels.add(label);
      }
      entry.is_node =
          entry.is_node || labels.has("reserved", "host") || labels.has("reserved", "remote-node");
    }
  }
}

void add_dns_answers(MetadataMap& metadata, const Cluster& cluster, const Resolved& resolved) {
  for (const auto& [text, selector] : resolved.fqdn_selectors) {
    const auto pattern = l7::DnsPattern::from_pattern(text, l7::DnsPatternUse::Fqdn);
    for (const auto& [name, addresses] : cluster.dns) {
      if (!pattern.matches(name)) {
        continue;
      }
      for (const IpAddress& address : addresses) {
        metadata[host_prefix(address)].labels.add(Label{"fqdn", text, ""});
      }
    }
  }
}

bool has_source(const LabelSet& labels, std::string_view source) {
  return std::any_of(labels.all().begin(), labels.all().end(),
                     [source](const Label& label) { return label.source == source; });
}

// Labels of the covering prefixes, longest first; at most one `cidr:` label in all.
void inherit(LabelSet& labels, const IpPrefix& prefix, const MetadataMap& metadata) {
  for (int length = prefix.length - 1; length >= 0; --length) {
    const auto found = metadata.find(masked(prefix.address, length));
    if (found == metadata.end()) {
      continue;
    }
    const bool has_cidr = has_source(labels, "cidr");
    for (const Label& label : found->second.labels.all()) {
      if (label.source != "cidr" || !has_cidr) {
        labels.add(label);
      }
    }
  }
}

bool is_in_cluster(const LabelSet& labels) {
  return labels.has("reserved", "host") || labels.has("reserved", "remote-node") ||
         labels.has("reserved", "health") || labels.has("reserved", "ingress");
}

LabelSet resolved_labels(const IpPrefix& prefix, const Metadata& metadata, const MetadataMap& all,
                         const Options& options) {
  LabelSet labels = metadata.labels;
  if (metadata.is_pod) {
    return labels;
  }
  inherit(labels, prefix, all);
  if (!is_in_cluster(labels)) {
    labels.remove_source("node");
    labels.add(world_label(prefix.address.v6, options));
    return labels;
  }
  for (const std::string_view world : {"world", "world-ipv4", "world-ipv6"}) {
    labels.remove("reserved", world);
  }
  if (!options.cidr_match_nodes || !metadata.is_node) {
    for (const std::string_view source : {"cidr", "fqdn", "cidrgroup"}) {
      labels.remove_source(source);
    }
  }
  return labels;
}

}  // namespace

AddressBook::AddressBook(const Cluster& cluster, const std::vector<ClusterNode>& nodes,
                         const Resolved& resolved, const Options& options)
    : options_(options), cluster_(cluster) {
  MetadataMap metadata;
  for (const PrefixLabels& prefix : resolved.prefixes) {
    metadata[prefix.prefix].labels = prefix.labels;
  }
  add_dns_answers(metadata, cluster, resolved);
  add_nodes(metadata, nodes, options);
  PodLabels pod_labels(cluster.namespaces, options);
  for (const Endpoint& endpoint : cluster.endpoints) {
    for (const IpAddress& address : endpoint.addresses) {
      Metadata& entry = metadata[host_prefix(address)];
      if (endpoint.kind == EndpointKind::Host) {
        entry.labels.add(reserved_label("host"));
        entry.is_node = true;
      } else {
        entry.labels = endpoint.kind == EndpointKind::Pod ? pod_labels.of(endpoint)
                                                          : endpoint_labels(endpoint);
        entry.is_pod = true;
      }
    }
  }
  entries_.reserve(metadata.size());
  for (const auto& [prefix, entry] : metadata) {
    entries_.push_back({prefix, resolved_labels(prefix, entry, metadata, options)});
    std::vector<int>& lengths = prefix.address.v6 ? lengths6_ : lengths4_;
    lengths.push_back(prefix.length);
  }
  unite_host();
  for (std::vector<int>* lengths : {&lengths4_, &lengths6_}) {
    std::sort(lengths->begin(), lengths->end(), std::greater<>());
    lengths->erase(std::unique(lengths->begin(), lengths->end()), lengths->end());
  }
}

// All addresses of the local host are one identity, with the labels of each.
void AddressBook::unite_host() {
  host_labels_.add(reserved_label("host"));
  for (const Cached& entry : entries_) {
    if (entry.labels.has("reserved", "host")) {
      for (const Label& label : entry.labels.all()) {
        host_labels_.add(label);
      }
    }
  }
  for (Cached& entry : entries_) {
    if (entry.labels.has("reserved", "host")) {
      entry.labels = host_labels_;
    }
  }
}

LabelSet AddressBook::endpoint_labels(const Endpoint& endpoint) const {
  LabelSet labels;
  switch (endpoint.kind) {
    case EndpointKind::Init:
      labels.add(reserved_label("init"));
      return labels;
    case EndpointKind::Host:
      return host_labels_;
    case EndpointKind::Pod:
      break;
  }
  return PodLabels(cluster_.namespaces, options_).of(endpoint);
}

LabelSet AddressBook::subject_labels(const Endpoint& endpoint) const {
  LabelSet labels = endpoint_labels(endpoint);
  if (endpoint.kind == EndpointKind::Host) {
    for (const auto& [key, value] : endpoint.labels) {
      if (options_.labels.keeps_of_pod(key)) labels.add(Label{"k8s", key, value});
    }
  }
  return labels;
}

LabelSet AddressBook::entity_labels(const std::string& entity) const {
  LabelSet labels;
  if (entity == "world") {
    return world_labels(false);
  }
  if (entity == "host") {
    return host_labels_;
  }
  labels.add(reserved_label(entity));
  if (entity == "kube-apiserver") {
    labels.add(reserved_label("remote-node"));
  }
  return labels;
}

LabelSet AddressBook::world_labels(bool v6) const {
  LabelSet labels;
  const bool dual_stack = options_.ipv4 && options_.ipv6;
  labels.add(dual_stack ? world_label(v6, options_) : reserved_label("world"));
  return labels;
}

LabelSet AddressBook::address_labels(const IpAddress& address) const {
  for (const int length : address.v6 ? lengths6_ : lengths4_) {
    const IpPrefix prefix = masked(address, length);
    const auto found = std::lower_bound(
        entries_.begin(), entries_.end(), prefix,
        [](const Cached& entry, const IpPrefix& wanted) { return entry.prefix < wanted; });
    if (found != entries_.end() && found->prefix == prefix) {
      return found->labels;
    }
  }
  return world_labels(address.v6);
}

}  // namespace policyc::policy
