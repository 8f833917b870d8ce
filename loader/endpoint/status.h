#pragma once
// What is loaded, from the state and from the kernel.

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "compiler/support/result.h"
#include "loader/bpf/info.h"
#include "loader/endpoint/deny_response.h"
#include "loader/endpoint/paths.h"
#include "loader/endpoint/shapes.h"
#include "loader/endpoint/state.h"
#include "loader/endpoint/tables.h"
#include "loader/maps/counters.h"
#include "loader/maps/node_maps.h"

namespace policyc::endpoint {

struct EndpointStatus {
  EndpointRecord record;
  bool interface_present = false;
  std::array<std::optional<bpf::ProgramInfo>, 2>
      programs;             // of the node, by attach::Side; nothing: not attached
  bool registered = false;  // in the "endpoints" map
  std::uint32_t slot = 0;   // that its entry there names
  std::array<std::optional<bpf::ProgramInfo>, 2>
      policy_programs;                // in that slot, by policyc_direction
  std::string subject;                // of the shape
  std::vector<std::string> policies;  // objects that the shape comes from, sorted

  // Both programs run, know their endpoint and reach its policy.
  [[nodiscard]] bool enforced() const {
    return registered && programs[0] && programs[1] && policy_programs[0] && policy_programs[1];
  }
};

struct ShapeStatus {
  std::string key;
  std::uint32_t slot = 0;
  std::size_t endpoints = 0;
  std::array<ir::Form, 2> forms{};  // by policyc_direction
  ShapeSizes capacity;              // 0 where its forms need no map
};

struct Status {
  std::uint32_t epoch = 0;
  bool trace_verdicts = false;
  bool trace_connections = false;
  bool local_delivery = false;
  DenyResponse deny_response = DenyResponse::Drop;
  bool interrupted = false;  // a change did not finish; the next load or unload finishes it
  std::vector<EndpointStatus> endpoints;
  std::vector<ShapeStatus> shapes;
  std::size_t identities = 0;
  std::size_t classes = 0;     // that these are partitioned into
  std::size_t predicates = 0;  // in force: distinct ones of the loaded shapes
  std::vector<TableStatus> tables;
  ct_pressure_value connections{};  // how often conntrack4, conntrack6 were found full
  std::vector<maps::Counter> counters;
  std::uint64_t limited_events = 0;  // not written: the rate limit
};

// Nothing when no map of ours is there, or no endpoint was ever loaded beside what else uses them.
[[nodiscard]] Result<std::optional<Status>> read_status(const Paths& paths);

}  // namespace policyc::endpoint
