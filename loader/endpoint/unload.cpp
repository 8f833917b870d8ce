#include "loader/endpoint/unload.h"

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "loader/bpf/bpffs.h"
#include "loader/endpoint/files.h"
#include "loader/endpoint/grace.h"
#include "loader/endpoint/registered.h"
#include "loader/endpoint/state.h"
#include "loader/endpoint/update.h"

namespace policyc::endpoint {
namespace {

// Detaches what is pinned under one endpoint's folder; returns whether a program was attached.
Result<bool> detach_links(const std::filesystem::path& folder) {
  bool attached = false;
  for (const attach::Side side : attach::kSides) {
    const auto pin = folder / attach::program_name(side);
    if (!bpf::exists(pin)) continue;
    attached = true;
    if (auto detached = attach::detach({0, side, attach::HookKind::Tcx, pin}); !detached) {
      return std::unexpected(detached.error());
    }
  }
  return attached;
}

Result<bool> detach_filters(std::uint32_t interface_index) {
  bool attached = false;
  for (const attach::Side side : attach::kSides) {
    const attach::Hook hook{interface_index, side, attach::HookKind::Clsact, {}};
    const auto program = attach::attached_program(hook);
    if (!program) return std::unexpected(program.error());
    if (!*program) continue;
    attached = true;
    if (auto detached = attach::detach(hook); !detached) return std::unexpected(detached.error());
  }
  return attached;
}

}  // namespace

Result<void> unload_endpoint(const Paths& paths, const std::string& interface) {
  if (!bpf::exists(paths.maps())) return fail("nothing is loaded");
  const auto state = read_state(paths);
  if (!state) return std::unexpected(state.error());
  const EndpointRecord* found = state->find_interface(interface);
  if (found == nullptr) return fail("interface " + interface + " has no endpoint");
  UpdateRequest request;
  request.removed.push_back(found->id);
  const auto report = update_node(paths, request);
  if (!report) return std::unexpected(report.error());
  if (report->removed == 0) return fail("interface " + interface + " has no endpoint");
  return {};
}

Result<std::size_t> unload_all(const Paths& paths) {
  const auto lock = lock_directory(paths.state);
  if (!lock) return std::unexpected(lock.error());
  const ExpeditedGrace grace;
  std::size_t count = 0;
  std::vector<std::filesystem::path> nodes{paths.bpffs};
  for (const std::string& name : bpf::list(paths.replaced()))
    nodes.push_back(paths.replaced() / name);
  for (const std::filesystem::path& node : nodes) {
    for (const std::string& folder : bpf::list(node / "endpoints")) {
      const auto attached = detach_links(node / "endpoints" / folder);
      if (!attached) return std::unexpected(attached.error());
      count += *attached ? 1U : 0U;
    }
    for (const std::uint32_t index : registered_interfaces(node / "maps")) {
      const auto attached = detach_filters(index);
      if (!attached) return std::unexpected(attached.error());
      count += *attached ? 1U : 0U;
    }
  }
  if (auto removed = bpf::remove_tree(paths.bpffs); !removed)
    return std::unexpected(removed.error());
  if (auto removed = remove_state(paths); !removed) return std::unexpected(removed.error());
  return count;
}

}  // namespace policyc::endpoint
