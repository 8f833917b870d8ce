#pragma once
// From what is and what should be to the steps between. Pure: knows no kernel and no time.
//
// The order of the steps: endpoints whose interface or address another one needs go; pods that run
// no policy of theirs yet; endpoints that go; other policies; and what exists in the cluster. The
// first change of a plan takes the inventory along when that changed, so that a change of policies
// and peers is one. Where nothing but peers changed it is map writes alone.

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "compiler/policy/labels.h"
#include "compiler/support/ip.h"
#include "loader/attach/attach.h"
#include "loader/endpoint/deny_response.h"
#include "loader/endpoint/link.h"
#include "loader/endpoint/state.h"

namespace policyc::reconcile {

// An endpoint as it should be.
struct WantedEndpoint {
  std::string key;        // of the registry
  std::string interface;  // the host's side
  std::uint32_t interface_index = 0;
  std::vector<IpAddress> addresses;
  std::optional<endpoint::MacAddress> mac;
  policy::LabelSet labels;
  bool audit = false;
  std::optional<attach::HookKind> hook;  // nothing: whichever runs
  std::string shape;                     // the compiler's name of it; empty: not known (yet)
  bool held = false;                     // not now: it failed a moment ago
  bool alone = false;                    // the batch that it was in failed
  friend bool operator==(const WantedEndpoint&, const WantedEndpoint&) = default;
};

// An endpoint as it is.
struct ActualEndpoint {
  endpoint::EndpointRecord record;  // without a shape: nobody knows which one runs
  bool enforced = true;             // entry, programs and slot are there
};

// The node as it is. Kept by whoever changes it; read from disk and kernel when a process starts.
struct Actual {
  bool loaded = false;    // there are maps
  bool dirty = false;     // a change did not finish
  bool outdated = false;  // endpoints run another version of the datapath
  endpoint::DenyResponse deny_response = endpoint::DenyResponse::Drop;
  std::map<std::uint16_t, ActualEndpoint> endpoints;  // by id
};

struct PlanInput {
  std::span<const WantedEndpoint> wanted;
  // Interfaces of endpoints that were told and are not wanted now (their interface is gone, say).
  // Whatever else is loaded stays: it was loaded by hand, and taking it off opens its interface.
  const std::set<std::string>* dropped = nullptr;
  const std::map<std::string, std::string>* objects = nullptr;  // compiled: shape -> loader's key
  bool inventory_changed = false;
  bool only_peers_changed = false;  // of the inventory: NodePeers can do it
  bool node_changed = false;        // an option of the node
  std::size_t max_batch = 256;      // endpoints of one change: a new pod waits for one at most
};

enum class Urgency : std::uint8_t { Rebuild, NewPod };  // a larger one is done first

struct CompileStep {
  std::string shape;
  Urgency urgency = Urgency::Rebuild;
  friend bool operator==(const CompileStep&, const CompileStep&) = default;
};
struct LoadStep {
  std::vector<std::size_t> endpoints;  // indices into PlanInput::wanted
  Urgency urgency = Urgency::Rebuild;
  bool with_inventory = false;
  friend bool operator==(const LoadStep&, const LoadStep&) = default;
};
struct UpdateStep {
  std::vector<std::uint16_t> removed;  // ids
  bool with_inventory = false;
  friend bool operator==(const UpdateStep&, const UpdateStep&) = default;
};
// The inventory, by single writes of addresses.
struct PeersStep {
  friend bool operator==(const PeersStep&, const PeersStep&) = default;
};
using Step = std::variant<LoadStep, UpdateStep, PeersStep>;

struct Plan {
  std::vector<CompileStep> compile;  // each shape once, urgent ones first
  std::vector<Step> steps;           // in order
  std::set<std::string> settled;     // keys of endpoints that enforce what is wanted
};

[[nodiscard]] Plan make_plan(const Actual& actual, const PlanInput& input);

}  // namespace policyc::reconcile
