#pragma once
// One subject's two policies, cell by cell.

#include <string>
#include <vector>

#include "compiler/diff/peers.h"

namespace policyc::diff {

// An endpoint of the inventory as a peer, and how many have the same labels.
struct KnownPeer {
  std::string name;
  policy::LabelSet labels;
  std::size_t count = 1;
};

// What changes, in both directions.
[[nodiscard]] std::vector<Region> compare(const explain::Model& before, const explain::Model& after,
                                          const SubjectPair& subject, const PeerKinds& peers,
                                          const std::vector<KnownPeer>& known);

}  // namespace policyc::diff
