#include "loader/agent/cleanup.h"

#include <filesystem>

#include "loader/endpoint/unload.h"
#include "loader/nat/devices.h"

namespace policyc::agent {

Result<std::size_t> remove_everything(const Config& config) {
  const endpoint::Paths& paths = config.paths;
  // Filters on devices are found by the maps; sockets' programs go with their pins.
  if (auto detached = nat::detach_all(paths); !detached) return std::unexpected(detached.error());
  const auto count = endpoint::unload_all(paths);
  if (!count) return count;
  std::error_code error;
  for (const char* folder : {"services", "agent"}) {
    std::filesystem::remove_all(paths.state / folder, error);
    if (error) return fail("cannot remove " + (paths.state / folder).string());
  }
  return count;
}

}  // namespace policyc::agent
