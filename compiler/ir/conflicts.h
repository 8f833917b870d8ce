#pragma once
// Conflicts between rules for the same selector and port, which make the endpoint's policy
// impossible to compute (spec section 6.4).

#include <cstdint>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "compiler/diag/diag.h"
#include "compiler/policy/entry.h"

namespace policyc::ir {

// What Cilium merges by (spec sections 6.3 and 6.4): protocol, port, end port (0 for a port name:
// all statements of a name share a filter), port name, printed form of the peer selector.
using FilterKey = std::tuple<std::uint8_t, std::uint16_t, std::uint16_t, std::string, std::string>;
[[nodiscard]] FilterKey filter_key(const policy::PortSpec& port, const std::string& peer);
// The peers of an entry as filters know them: the wildcard alone where it stands, without the
// entity `none`.
[[nodiscard]] std::set<std::string> peer_texts(const policy::Entry& entry);

// `entries` are those that apply to one subject in one direction, in order. Reports PC0480 to
// PC0484, each at the later rule with the earlier one as info, once whatever the number of
// subjects. Returns false when there was one.
bool check_conflicts(const std::vector<const policy::Entry*>& entries, diag::Engine& diagnostics);

// True when an error of this id stands at this node: many subjects share one mistake.
[[nodiscard]] bool already_reported(const diag::Engine& diagnostics, diag::Id id,
                                    source::NodeId node);

}  // namespace policyc::ir
