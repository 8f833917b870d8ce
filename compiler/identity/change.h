#pragma once
// What an operation on the partition changed, in the terms of the class change protocol
// (docs/identity.md).

#include <vector>

#include "compiler/identity/ids.h"

namespace policyc::identity {

struct NewClass {
  PeerClass number = kUnknownClass;
  // The class whose rows the new one has in every shape of today: rows can be copied before any
  // address moves. kUnknownClass: identities the node did not know; rows must be computed.
  PeerClass split_from = kUnknownClass;
  friend bool operator==(const NewClass&, const NewClass&) = default;
};

struct Move {
  IdentityId identity = 0;
  PeerClass from = kUnknownClass;  // kUnknownClass: an identity that was added
  PeerClass to = kUnknownClass;    // kUnknownClass: an identity that was removed
  friend bool operator==(const Move&, const Move&) = default;
};

struct Change {
  std::vector<NewClass> created;   // in the order in which rows can be copied
  std::vector<Move> moved;         // in order
  std::vector<PeerClass> retired;  // their numbers stay taken until Partition::release()

  [[nodiscard]] bool empty() const { return created.empty() && moved.empty() && retired.empty(); }
  // This change, then `next`, as one: an identity that moved in both moves once.
  void append(const Change& next);
  friend bool operator==(const Change&, const Change&) = default;
};

}  // namespace policyc::identity
