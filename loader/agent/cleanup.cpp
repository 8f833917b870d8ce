#include "loader/agent/cleanup.h"

#include <charconv>
#include <filesystem>

#include "loader/bpf/bpffs.h"
#include "loader/endpoint/unload.h"
#include "loader/nat/devices.h"
#include "loader/sockets/sockets.h"

namespace policyc::agent {

Result<std::size_t> remove_everything(const Config& config) {
  const endpoint::Paths& paths = config.paths;
  if (bpf::exists(paths.bpffs)) {
    if (auto detached = sockets::detach(paths.bpffs); !detached)
      return std::unexpected(detached.error());
    for (const std::string& name : bpf::list(paths.bpffs / "devices")) {
      std::uint32_t index = 0;
      const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), index);
      if (error != std::errc{} || end != name.data() + name.size()) continue;
      if (auto detached = nat::detach_device(paths, index); !detached)
        return std::unexpected(detached.error());
    }
  }
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
