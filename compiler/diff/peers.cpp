#include "compiler/diff/peers.h"

#include <algorithm>
#include <map>
#include <set>

#include "compiler/policy/address_book.h"
#include "compiler/verify/peers.h"

namespace policyc::diff {
namespace {

// What both sides together can ask of a peer: their entries, and the prefixes and names that these
// mention. The subject of the entries is whoever asks.
policy::Resolved united(const explain::Model& before, const explain::Model& after,
                        const SubjectPair& subject) {
  policy::Resolved out;
  std::set<std::string> cidr_keys;
  std::set<std::string> texts;
  bool groups = false;
  for (const auto* side : {&subject.before, &subject.after}) {
    for (const policy::Entry& entry : side->own.entries) {
      out.entries.push_back(entry);
      out.entries.back().subject = policy::wildcard_selector();
      out.entries.back().policy_namespace.clear();
      for (const policy::Selector& peer : entry.peers) {
        texts.insert(peer.text);
        for (const policy::Requirement& requirement : peer.requirements) {
          if (requirement.source == "cidr") cidr_keys.insert(requirement.key);
          groups = groups || requirement.source == "cidrgroup";
        }
      }
    }
  }
  std::map<IpPrefix, policy::LabelSet> prefixes;
  for (const auto* model : {&before, &after}) {
    for (const policy::PrefixLabels& prefix : model->resolved.prefixes) {
      const auto relevant = [&](const policy::Label& label) {
        return label.source == "cidr" ? cidr_keys.contains(label.key)
                                      : groups && label.source == "cidrgroup";
      };
      const auto& labels = prefix.labels.all();
      if (std::none_of(labels.begin(), labels.end(), relevant)) continue;
      for (const policy::Label& label : labels) prefixes[prefix.prefix].add(label);
    }
  }
  for (auto& [prefix, labels] : prefixes) out.prefixes.push_back({prefix, std::move(labels)});
  std::set<std::string> names;
  for (const auto* model : {&before, &after}) {
    for (const auto& [name, selector] : model->resolved.fqdn_selectors) {
      if (texts.contains(selector.text) && names.insert(name).second)
        out.fqdn_selectors.emplace_back(name, selector);
    }
  }
  return out;
}

// The inventory without its endpoints, which are asked for by their labels alone.
policy::Cluster without_endpoints(const policy::Cluster& cluster) {
  policy::Cluster out;
  out.namespaces = cluster.namespaces;
  out.nodes = cluster.nodes;
  out.services = cluster.services;
  out.dns = cluster.dns;
  out.listeners = cluster.listeners;
  return out;
}

// The labels that one side's IP cache has of an address, as far as CIDR groups go.
policy::LabelSet with_groups(const policy::LabelSet& labels, const policy::AddressBook& book,
                             const IpAddress& address) {
  policy::LabelSet out = labels;
  out.remove_source("cidrgroup");
  const policy::LabelSet known = book.address_labels(address);
  for (const policy::Label& label : known.all()) {
    if (label.source == "cidrgroup") out.add(label);
  }
  return out;
}

std::string name_of(const verify::PeerWitness& witness) {
  const eval::Peer& peer = witness.planned.peer;
  switch (peer.kind) {
    case eval::Peer::Kind::Entity:
      return peer.name;
    case eval::Peer::Kind::Address: {
      std::string name = peer.address.to_string();
      for (const policy::Label& label : witness.labels.all()) {
        if (label.source == "fqdn") name += ", an address of " + label.key;
        if (label.source == "reserved" && !label.key.starts_with("world")) name += ", " + label.key;
      }
      return name;
    }
    case eval::Peer::Kind::Endpoint:
      break;
  }
  return pod_text(witness.labels);
}

}  // namespace

std::string pod_text(const policy::LabelSet& labels) {
  std::string text;
  std::string where;
  for (const policy::Label& label : labels.all()) {
    if (label.key == policy::kPodNamespaceKey) {
      where = " in " + label.value;
    } else if (label.key != policy::kClusterKey &&
               !label.key.starts_with(policy::kNamespaceLabelsPrefix)) {
      const bool account = label.key == policy::kServiceAccountKey;
      text += (text.empty() ? "" : ", ") + (account ? "sa" : label.key) + "=" + label.value;
    } else if (label.key.starts_with(policy::kNamespaceLabelsPrefix)) {
      where += (where.find("labelled") == std::string::npos ? " labelled " : ", ") +
               label.key.substr(policy::kNamespaceLabelsPrefix.size()) + "=" + label.value;
    }
  }
  return "a pod " + (text.empty() ? "without labels" : "with " + text) + where;
}

PeerKinds peer_kinds(const explain::Model& before, const explain::Model& after,
                     const SubjectPair& subject, std::size_t limit) {
  const policy::Resolved resolved = united(before, after, subject);
  const policy::Cluster cluster = without_endpoints(after.cluster);
  const verify::Model model{cluster, resolved, after.agent, after.sources};
  verify::Subject asked{subject.names.empty() ? "" : subject.names.front(), subject.after.endpoint,
                        false, resolved};
  asked.endpoint.addresses.clear();
  const verify::Peers peers = verify::enumerate_peers(model, asked, ir::Shape{}, limit);
  const bool groups = std::any_of(
      resolved.prefixes.begin(), resolved.prefixes.end(), [](const policy::PrefixLabels& prefix) {
        return std::any_of(prefix.labels.all().begin(), prefix.labels.all().end(),
                           [](const policy::Label& label) { return label.source == "cidrgroup"; });
      });
  std::optional<policy::AddressBook> old_book, new_book;
  if (groups) {
    old_book.emplace(before.cluster, before.resolved, before.agent);
    new_book.emplace(after.cluster, after.resolved, after.agent);
  }
  PeerKinds out;
  out.left_out = peers.left_out;
  for (const verify::PeerWitness& witness : peers.witnesses) {
    const eval::Peer& peer = witness.planned.peer;
    PeerKind kind{name_of(witness), witness.labels, witness.labels, witness.planned.ipv4,
                  witness.planned.ipv6};
    if (groups && peer.kind == eval::Peer::Kind::Address) {
      kind.before = with_groups(witness.labels, *old_book, peer.address);
      kind.after = with_groups(witness.labels, *new_book, peer.address);
    }
    out.kinds.push_back(std::move(kind));
  }
  return out;
}

}  // namespace policyc::diff
