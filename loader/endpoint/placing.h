#pragma once
// An endpoint's entry and programs, when its policy is loaded, each step of which can be taken
// back; and what a load makes of the node. Private to loader/.

#include <cstdint>

#include "compiler/ir/shape.h"
#include "compiler/support/result.h"
#include "loader/attach/attach.h"
#include "loader/endpoint/load.h"
#include "loader/endpoint/paths.h"
#include "loader/endpoint/state.h"
#include "loader/endpoint/undo.h"
#include "loader/maps/node_maps.h"

namespace policyc::endpoint {

struct Placement {
  const EndpointRecord& record;
  std::uint32_t slot = 0;
  const ir::Shape& shape;
  bool is_new = true;  // no endpoint had this id before
};

// Makes the folder of the endpoint's pins and its entry in "endpoints".
[[nodiscard]] Result<void> write_entry(const Paths& paths, const maps::NodeMaps& maps,
                                       const Placement& placement, Undo& undo);

// The queues of the endpoint's interface are not what they were when its entry was written.
// `queued`: it is known to have one; else the kernel is asked.
[[nodiscard]] Result<void> follow_queue(const maps::NodeMaps& maps, const EndpointRecord& record,
                                        bool queued);

struct NodeProgram {
  int fd = -1;
  std::uint32_t id = 0;
};
// Attaches the node's program unless it is. True: another one ran there, or this one.
[[nodiscard]] Result<bool> attach_program(const Paths& paths, const EndpointRecord& record,
                                          attach::Side side, const NodeProgram& program,
                                          Undo& undo);

// The node's configuration with what a request says of the node.
[[nodiscard]] node_config_value configured(node_config_value config, const LoadRequest& request);

}  // namespace policyc::endpoint
