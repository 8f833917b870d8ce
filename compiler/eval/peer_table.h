#pragma once
// Peers of flows as identities, and which selectors select them. Answers are computed once and
// kept.

#include <map>
#include <optional>
#include <unordered_map>
#include <vector>

#include "compiler/eval/eval.h"
#include "compiler/policy/address_book.h"

namespace policyc::eval {

class PeerTable {
 public:
  using PeerId = std::uint32_t;

  PeerTable(const policy::Cluster& cluster, const policy::Resolved& resolved,
            const policy::Options& options);

  // Nothing when the flow names an endpoint that does not exist.
  [[nodiscard]] std::optional<PeerId> find(const Peer& peer);
  [[nodiscard]] bool matches(const policy::Selector& selector, PeerId peer);
  [[nodiscard]] bool is_local_host(PeerId peer) const { return identities_[peer].local_host; }
  [[nodiscard]] const policy::AddressBook& book() const { return book_; }

 private:
  enum class Answer : std::uint8_t { Unknown, No, Yes };
  struct Identity {
    policy::LabelSet labels;
    bool local_host = false;
  };

  PeerId intern(policy::LabelSet labels);

  const policy::Cluster& cluster_;
  policy::AddressBook book_;
  std::vector<Identity> identities_;
  std::map<policy::LabelSet, PeerId> by_labels_;
  std::unordered_map<std::string, PeerId> by_endpoint_;
  std::unordered_map<std::string, PeerId> by_entity_;
  std::map<IpAddress, PeerId> by_address_;
  // Per selector object, one answer per identity.
  std::unordered_map<const policy::Selector*, std::vector<Answer>> answers_;
};

}  // namespace policyc::eval
