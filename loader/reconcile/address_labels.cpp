#include "loader/reconcile/address_labels.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "compiler/policy/pod_labels.h"
#include "loader/endpoint/identities.h"

namespace policyc::reconcile {
namespace {

using endpoint::Inventory;
using policy::ClusterNode;

bool is_host(const ClusterNode& node) {
  return node.role == policy::NodeRole::Host || node.role == policy::NodeRole::KubeApiServerHost;
}

Labels labels_in(const Inventory& inventory, const std::vector<const ir::Shape*>& shapes) {
  Labels labels;
  const auto book = endpoint::label_addresses(inventory, shapes);
  for (const auto& [prefix, entry] : book.entries())
    labels.emplace_hint(labels.end(), prefix, entry);
  return labels;
}

Inventory without_endpoints(const LabelSources& sources) {
  const Inventory& inventory = sources.inventory;
  Inventory part{inventory.options, inventory.cluster, inventory.prefixes, sources.known};
  part.cluster.endpoints.clear();
  return part;
}

Inventory without_pods(const LabelSources& sources) {
  Inventory part = without_endpoints(sources);
  const policy::EndpointList& list = sources.inventory.cluster.endpoints;
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (list[i].kind != policy::EndpointKind::Pod) part.cluster.endpoints.push_back(list.ref(i));
  }
  return part;
}

bool has_one_of(const std::vector<IpAddress>& addresses, const std::set<IpPrefix>& prefixes) {
  return std::ranges::any_of(addresses, [&prefixes](const IpAddress& address) {
    return prefixes.contains(host_prefix(address));
  });
}

// Of nodes those that have one of the addresses, and the host, which others must not have the
// addresses of. What is known of a node takes the place of what the cluster says of it.
void narrow_nodes(Inventory& part, const std::set<IpPrefix>& prefixes) {
  std::vector<ClusterNode> nodes, known;
  std::set<std::string_view> names;
  for (const ClusterNode& node : part.cluster.nodes) {
    if (!is_host(node) && !has_one_of(node.addresses, prefixes)) continue;
    nodes.push_back(node);
    names.insert(node.name);
  }
  for (const ClusterNode& node : part.known_nodes) {
    if (is_host(node) || names.contains(node.name) || has_one_of(node.addresses, prefixes))
      known.push_back(node);
  }
  part.cluster.nodes = std::move(nodes);
  part.known_nodes = std::move(known);
}

// What is said of these prefixes and of those around them, as far as no endpoint says it.
Inventory narrowed(const LabelSources& sources, const std::set<IpPrefix>& prefixes) {
  Inventory part = without_endpoints(sources);
  narrow_nodes(part, prefixes);
  std::vector<policy::PrefixLabels> around;
  for (const policy::PrefixLabels& one : sources.inventory.prefixes) {
    const bool counts = std::ranges::any_of(
        prefixes, [&one](const IpPrefix& prefix) { return one.prefix.contains(prefix); });
    if (counts) around.push_back(one);
  }
  part.prefixes = std::move(around);
  std::map<std::string, std::vector<IpAddress>> dns;
  for (const auto& [name, addresses] : sources.inventory.cluster.dns) {
    if (has_one_of(addresses, prefixes)) dns.emplace(name, addresses);
  }
  part.cluster.dns = std::move(dns);
  return part;
}

// Addresses of the host have the labels of all of them.
bool has_host(const LabelSources& sources, const std::set<IpPrefix>& prefixes) {
  const auto is_one = [&prefixes](const ClusterNode& node) {
    return is_host(node) && has_one_of(node.addresses, prefixes);
  };
  return std::ranges::any_of(sources.inventory.cluster.nodes, is_one) ||
         std::ranges::any_of(sources.known, is_one);
}

Labels only(Labels labels, const std::set<IpPrefix>& prefixes) {
  std::erase_if(labels, [&prefixes](const auto& one) { return !prefixes.contains(one.first); });
  return labels;
}

// More than that are not worth telling apart.
constexpr std::size_t kFew = 64;

class Differences {
 public:
  Differences(const LabelSources& before, const LabelSources& after)
      : before_(before), after_(after) {}

  std::optional<std::set<IpPrefix>> find() {
    compare_nodes(before_.inventory.cluster.nodes, after_.inventory.cluster.nodes);
    compare_dns(before_.inventory.cluster.dns, after_.inventory.cluster.dns);
    compare_prefixes(before_.inventory.prefixes, after_.inventory.prefixes);
    if (!is_whole_ && found_.size() <= kFew && !wide_.empty()) {
      for (const LabelSources* one : {&before_, &after_}) add_within(*one);
    }
    if (is_whole_ || found_.size() > kFew || has_host(before_, found_) || has_host(after_, found_))
      return std::nullopt;
    return std::move(found_);
  }

 private:
  using Nodes = std::vector<ClusterNode>;
  using Dns = std::map<std::string, std::vector<IpAddress>>;
  using Prefixes = std::vector<policy::PrefixLabels>;

  void add(const std::vector<IpAddress>& addresses) {
    for (const IpAddress& address : addresses) found_.insert(host_prefix(address));
  }

  void compare_nodes(const Nodes& before, const Nodes& after) {
    if (&before == &after) return;
    // Both are sorted by name, and most are alike.
    const auto end = std::ranges::mismatch(before, after);
    const auto back =
        std::ranges::mismatch(std::ranges::subrange(std::make_reverse_iterator(before.end()),
                                                    std::make_reverse_iterator(end.in1)),
                              std::ranges::subrange(std::make_reverse_iterator(after.end()),
                                                    std::make_reverse_iterator(end.in2)));
    const auto take = [this](auto first, auto last) {
      for (; first != last && found_.size() <= kFew; ++first) {
        is_whole_ = is_whole_ || is_host(*first);
        add(first->addresses);
      }
    };
    take(end.in1, back.in1.base());
    take(end.in2, back.in2.base());
  }

  void compare_dns(const Dns& before, const Dns& after) {
    if (&before == &after) return;
    for (const auto& [a, b] : {std::pair(&before, &after), std::pair(&after, &before)}) {
      for (const auto& [name, addresses] : *a) {
        const auto other = b->find(name);
        if (other == b->end()) {
          add(addresses);
        } else if (other->second != addresses) {
          add(addresses);
          add(other->second);
        }
        if (found_.size() > kFew) return;
      }
    }
  }

  void compare_prefixes(const Prefixes& before, const Prefixes& after) {
    if (&before == &after) return;
    std::map<IpPrefix, const policy::LabelSet*> known;
    for (const policy::PrefixLabels& one : before) known[one.prefix] = &one.labels;
    std::map<IpPrefix, const policy::LabelSet*> now;
    for (const policy::PrefixLabels& one : after) now[one.prefix] = &one.labels;
    for (const auto& [a, b] : {std::pair(&known, &now), std::pair(&now, &known)}) {
      for (const auto& [prefix, labels] : *a) {
        const auto other = b->find(prefix);
        if (other != b->end() && *other->second == *labels) continue;
        found_.insert(prefix);
        if (prefix.length != prefix.address.bit_length()) wide_.insert(prefix);
        if (found_.size() > kFew) return;
      }
    }
  }

  [[nodiscard]] bool is_within(const IpPrefix& prefix) const {
    return std::ranges::any_of(wide_,
                               [&prefix](const IpPrefix& one) { return one.contains(prefix); });
  }
  void add_within(const std::vector<IpAddress>& addresses) {
    for (const IpAddress& address : addresses) {
      if (is_within(host_prefix(address))) found_.insert(host_prefix(address));
    }
  }

  // Labels of a prefix go on to all that lies in it.
  void add_within(const LabelSources& sources) {
    for (const policy::PrefixLabels& one : sources.inventory.prefixes) {
      if (is_within(one.prefix)) found_.insert(one.prefix);
    }
    for (const ir::Shape* shape : sources.shapes) {
      endpoint::each_prefix_of(*shape, [this](const IpPrefix& prefix) {
        if (is_within(prefix)) found_.insert(prefix);
      });
    }
    for (const ClusterNode& node : sources.inventory.cluster.nodes) add_within(node.addresses);
    for (const ClusterNode& node : sources.known) add_within(node.addresses);
    for (const auto& [name, addresses] : sources.inventory.cluster.dns) add_within(addresses);
  }

  const LabelSources& before_;
  const LabelSources& after_;
  bool is_whole_ = false;
  std::set<IpPrefix> found_;
  std::set<IpPrefix> wide_;  // of these, more than an address
};

}  // namespace

Labels all_labels(const LabelSources& sources) {
  Inventory whole = sources.inventory;
  whole.known_nodes = sources.known;
  return labels_in(whole, sources.shapes);
}

Labels labels_beside_pods(const LabelSources& sources) {
  return labels_in(without_pods(sources), sources.shapes);
}

namespace {

// What is said of these, by endpoints `owners` alone.
Labels looked_up_labels(const LabelSources& sources, const std::set<IpPrefix>& prefixes,
                        const EndpointRefs& owners) {
  if (prefixes.empty()) return {};
  const auto is_host_endpoint = [](const policy::EndpointRef& owner) {
    return owner->kind == policy::EndpointKind::Host;
  };
  Inventory part;
  if (std::ranges::any_of(owners, is_host_endpoint) || has_host(sources, prefixes)) {
    part = without_pods(sources);
  } else {
    part = prefixes.size() <= kFew ? narrowed(sources, prefixes) : without_endpoints(sources);
  }
  const bool has_others = !part.cluster.endpoints.empty();
  for (const policy::EndpointRef& owner : owners) {
    const bool is_there = has_others && owner->kind != policy::EndpointKind::Pod;
    if (!is_there && has_one_of(owner->addresses, prefixes))
      part.cluster.endpoints.push_back(owner);
  }
  return only(labels_in(part, sources.shapes), prefixes);
}

}  // namespace

Labels labels_of(const LabelSources& sources, const NamedAddresses* named,
                 const std::set<IpAddress>& addresses, const EndpointRefs& owners) {
  std::set<IpPrefix> looked_up;
  for (const IpAddress& address : addresses) {
    if (named == nullptr || named->contains(address)) looked_up.insert(host_prefix(address));
  }
  for (const policy::EndpointRef& owner : owners) {
    if (owner->kind == policy::EndpointKind::Pod) continue;
    for (const IpAddress& address : owner->addresses) looked_up.insert(host_prefix(address));
  }
  Labels labels = looked_up_labels(sources, looked_up, owners);
  policy::PodLabels pod_labels(sources.inventory.cluster.namespaces, sources.inventory.options);
  for (const policy::EndpointRef& owner : owners) {
    std::optional<policy::LabelSet> own;
    for (const IpAddress& address : owner->addresses) {
      if (!addresses.contains(address) || looked_up.contains(host_prefix(address))) continue;
      if (!own) own = pod_labels.of(*owner);
      labels.insert_or_assign(host_prefix(address), *own);
    }
  }
  return labels;
}

std::optional<std::set<IpPrefix>> affected_prefixes(const LabelSources& before,
                                                    const LabelSources& after) {
  return Differences(before, after).find();
}

Labels labels_of(const LabelSources& sources, const std::set<IpPrefix>& prefixes) {
  if (prefixes.empty()) return {};
  return only(labels_in(narrowed(sources, prefixes), sources.shapes), prefixes);
}

}  // namespace policyc::reconcile
