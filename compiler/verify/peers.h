#pragma once
// Every kind of peer that the subject's entries can tell apart, and every kind that the object
// tells apart beyond that.

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "compiler/verify/world.h"

namespace policyc::verify {

struct PeerWitness {
  std::size_t world = 0;  // index into Peers::worlds
  PlannedPeer planned;
  policy::LabelSet labels;  // what the IP cache says of it in that world
};

struct Peers {
  std::vector<std::unique_ptr<World>> worlds;
  std::vector<PeerWitness> witnesses;  // not distinct: several may look the same to the policy
  std::size_t left_out = 0;            // at least so many combinations, because of the limit
};

// Pods and nodes by states.h, for each direction; addresses by addresses.h; the entities; and every
// endpoint and node of the model's cluster.
[[nodiscard]] Peers enumerate_peers(const Model& model, const Subject& subject,
                                    const ir::Shape& shape, std::size_t limit);

}  // namespace policyc::verify
