#include "loader/endpoint/removal.h"

#include <cstdint>
#include <filesystem>
#include <string>
#include <system_error>
#include <vector>

#include "loader/bpf/bpffs.h"
#include "loader/endpoint/files.h"
#include "loader/endpoint/grace.h"
#include "loader/endpoint/registered.h"
#include "loader/endpoint/state.h"

namespace policyc::endpoint {
namespace {

std::filesystem::path mark_of(const Paths& paths) { return paths.state / "unloading"; }

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

// All that is in it, and itself where no file system is mounted there.
Result<void> remove_pins(const std::filesystem::path& bpffs) {
  for (const std::string& name : bpf::list(bpffs)) {
    if (auto removed = bpf::remove_tree(bpffs / name); !removed) return removed;
  }
  std::error_code error;
  std::filesystem::remove(bpffs, error);
  if (error && error != std::errc::device_or_resource_busy)
    return fail("cannot remove " + bpffs.string() + ": " + error.message());
  return {};
}

}  // namespace

bool is_removal_marked(const Paths& paths) {
  const auto mark = read_file(mark_of(paths));
  return mark && *mark == paths.bpffs.string();
}

Result<std::size_t> remove_all(const Paths& paths) {
  if (auto marked = write_file(mark_of(paths), paths.bpffs.string(), Flush::No); !marked)
    return std::unexpected(marked.error());
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
  if (auto removed = remove_pins(paths.bpffs); !removed) return std::unexpected(removed.error());
  if (auto removed = remove_state(paths); !removed) return std::unexpected(removed.error());
  if (auto done = remove_file(mark_of(paths)); !done) return std::unexpected(done.error());
  return count;
}

Result<void> finish_removal(const Paths& paths) {
  if (!is_removal_marked(paths)) return {};
  const auto removed = remove_all(paths);
  return removed ? Result<void>{} : std::unexpected(removed.error());
}

}  // namespace policyc::endpoint
