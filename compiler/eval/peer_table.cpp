#include "compiler/eval/peer_table.h"

namespace policyc::eval {

PeerTable::PeerTable(const policy::Cluster& cluster, const policy::Resolved& resolved,
                     const policy::Options& options)
    : cluster_(cluster), book_(cluster, resolved, options) {
  for (const policy::Endpoint& endpoint : cluster_.endpoints) {
    by_endpoint_.emplace(endpoint.full_name(), intern(book_.endpoint_labels(endpoint)));
  }
}

PeerTable::PeerId PeerTable::intern(policy::LabelSet labels) {
  const auto [found, is_new] =
      by_labels_.try_emplace(labels, static_cast<PeerId>(identities_.size()));
  if (is_new) {
    const bool local_host = labels.has("reserved", "host");
    identities_.push_back({std::move(labels), local_host});
  }
  return found->second;
}

std::optional<PeerTable::PeerId> PeerTable::find(const Peer& peer) {
  switch (peer.kind) {
    case Peer::Kind::Endpoint: {
      const auto found = by_endpoint_.find(peer.name);
      return found == by_endpoint_.end() ? std::nullopt : std::optional(found->second);
    }
    case Peer::Kind::Entity: {
      const auto found = by_entity_.find(peer.name);
      return found != by_entity_.end()
                 ? found->second
                 : by_entity_.emplace(peer.name, intern(book_.entity_labels(peer.name)))
                       .first->second;
    }
    case Peer::Kind::Address: {
      const auto found = by_address_.find(peer.address);
      return found != by_address_.end()
                 ? found->second
                 : by_address_.emplace(peer.address, intern(book_.address_labels(peer.address)))
                       .first->second;
    }
  }
  return std::nullopt;
}

bool PeerTable::matches(const policy::Selector& selector, PeerId peer) {
  std::vector<Answer>& answers = answers_[&selector];
  if (answers.size() <= peer) {
    answers.resize(identities_.size(), Answer::Unknown);
  }
  if (answers[peer] == Answer::Unknown) {
    answers[peer] = selector.matches(identities_[peer].labels) ? Answer::Yes : Answer::No;
  }
  return answers[peer] == Answer::Yes;
}

}  // namespace policyc::eval
