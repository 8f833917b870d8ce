#pragma once
// Everything that runs while the demo runs: the network, the servers, the loaded programs and their
// events. Its end takes all of it away.

#include <memory>
#include <optional>
#include <string>

#include "cli/demo/decisions.h"
#include "cli/demo/enforcement.h"
#include "cli/demo/leftovers.h"
#include "cli/demo/servers.h"
#include "cli/demo/story.h"
#include "cli/demo/topology.h"

namespace policyc::demo {

class Stage {
 public:
  // The network and the servers that the attempts need, for the pods of the build; no program is
  // loaded yet.
  [[nodiscard]] static Result<std::unique_ptr<Stage>> set(const Build& build,
                                                          const std::vector<Attempt>& attempts);
  ~Stage();

  // Loads, or replaces, one pod's program.
  [[nodiscard]] Result<LoadedPod> load(const Build& build, const policy::Endpoint& pod);
  [[nodiscard]] Exchange exchange(const Attempt& attempt) const;
  // After the first load.
  [[nodiscard]] Result<std::vector<Decision>> decisions(const Exchange& exchange,
                                                        std::uint16_t source_port);
  [[nodiscard]] const Topology& topology() const { return topology_; }

 private:
  Stage(RunFolders folders, Topology topology);

  // The order matters: programs go before the interfaces that they are on.
  RunFolders folders_;
  Topology topology_;
  endpoint::Paths paths_;
  std::optional<Servers> servers_;
  std::optional<Decisions> decisions_;
};

}  // namespace policyc::demo
