#pragma once
// Services of the node, as the agent drives them: loader/service and, where sockets are balanced,
// loader/sockets.

#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "compiler/service/desired.h"
#include "compiler/support/result.h"
#include "loader/agent/config.h"
#include "loader/nat/devices.h"
#include "loader/service/loader.h"

namespace policyc::agent {

struct ServiceChange {
  std::size_t writes = 0;  // of maps
  std::size_t sockets_cut = 0;
  std::vector<std::string> conflicts;  // frontends that two services ask for
};

using DesiredServices = std::map<std::string, service::DesiredService>;

class NodeServices {
 public:
  NodeServices() = default;
  NodeServices(const NodeServices&) = delete;
  NodeServices& operator=(const NodeServices&) = delete;
  virtual ~NodeServices() = default;

  // Exactly these, whatever is loaded.
  [[nodiscard]] virtual Result<ServiceChange> apply(const DesiredServices& all) = 0;
  // Those that `changed` names are as in `all`, or gone.
  [[nodiscard]] virtual Result<ServiceChange> change(const DesiredServices& all,
                                                     const std::set<std::string>& changed) = 0;
  // The node's programs are attached. Those of sockets leave nothing to translate in packets.
  [[nodiscard]] virtual Result<void> programs_attached() = 0;
};

// What the programs of devices do about direct server return.
[[nodiscard]] nat::Dsr device_dsr(const Config& config);

// Opens the maps, or makes them.
[[nodiscard]] Result<std::unique_ptr<NodeServices>> open_services(const Config& config);
// Without services: takes those away that an agent before this one balanced. What `policyc service`
// loaded stays.
[[nodiscard]] Result<void> forget_services(const Config& config);
// Whether the programs of sockets that are configured are attached where they are to be.
[[nodiscard]] Result<bool> sockets_attached(const Config& config);
// Attaches the programs of the node's devices and sockets as configured, with or without services,
// and detaches those that an agent before attached and that are not configured any more. What is
// there already, right, and reads the maps of now is not touched.
[[nodiscard]] Result<void> attach_node_programs(const Config& config);

}  // namespace policyc::agent
