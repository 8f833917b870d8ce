// What was set aside by an upgrade, and when it may go (upgrade.h).

#include <map>
#include <set>
#include <string>

#include "loader/bpf/bpffs.h"
#include "loader/endpoint/files.h"
#include "loader/endpoint/registered.h"
#include "loader/endpoint/state.h"
#include "loader/endpoint/upgrade.h"

namespace policyc::endpoint {
namespace {

namespace fs = std::filesystem;

// By the node of today: interfaces on whose both sides its programs run, and how they do.
using Enforced = std::map<std::uint32_t, attach::HookKind>;

Result<std::set<std::uint32_t>> programs_of(const Paths& paths) {
  std::set<std::uint32_t> ids;
  for (const std::string& version : bpf::list(paths.programs())) {
    for (const attach::Side side : attach::kSides) {
      const auto pin = paths.programs() / version / attach::program_name(side);
      if (!bpf::exists(pin)) continue;
      const auto program = bpf::open_pinned(pin);
      if (!program) return std::unexpected(program.error());
      const auto info = bpf::program_info(program->get());
      if (!info) return std::unexpected(info.error());
      ids.insert(info->id);
    }
  }
  return ids;
}

Result<Enforced> read_enforced(const Paths& paths) {
  Enforced result;
  const auto state = read_state(paths);
  if (!state) return std::unexpected(state.error());
  const auto ours = programs_of(paths);
  if (!ours) return std::unexpected(ours.error());
  for (const EndpointRecord& record : state->endpoints) {
    bool both = true;
    for (const attach::Side side : attach::kSides) {
      const auto running = attach::attached_program(
          paths.hook(record.id, record.interface_index, side, record.hook));
      if (!running) return std::unexpected(running.error());
      both = both && *running && ours->contains(**running);
    }
    if (both) result.emplace(record.interface_index, record.hook);
  }
  return result;
}

// Links of one generation: their interfaces that only they enforce.
Result<void> retire_links(const fs::path& generation, const Enforced& enforced,
                          std::set<std::uint32_t>& left) {
  for (const std::string& folder : bpf::list(generation / "endpoints")) {
    // Whatever their names: a link may not yet have had its place (bpf::half_replaced).
    for (const std::string& name : bpf::list(generation / "endpoints" / folder)) {
      const fs::path pin = generation / "endpoints" / folder / name;
      const auto link = bpf::open_pinned(pin);
      if (!link) return std::unexpected(link.error());
      const auto info = bpf::link_info(link->get());
      if (!info) return std::unexpected(info.error());
      const std::uint32_t index = info->interface_index;
      if (index != 0 && !enforced.contains(index)) {
        left.insert(index);
        continue;
      }
      const attach::Hook hook{index, attach::Side::FromEndpoint, attach::HookKind::Tcx, pin};
      if (auto gone = attach::detach(hook); !gone) return gone;
    }
  }
  return {};
}

// A filter is replaced in place, but by a filter only.
Result<void> retire_filters(const fs::path& generation, const Enforced& enforced,
                            std::set<std::uint32_t>& left) {
  for (const std::uint32_t index : registered_interfaces(generation / "maps")) {
    const auto now = enforced.find(index);
    if (now != enforced.end() && now->second == attach::HookKind::Clsact) continue;
    for (const attach::Side side : attach::kSides) {
      const attach::Hook hook{index, side, attach::HookKind::Clsact, {}};
      const auto running = attach::attached_program(hook);
      if (!running) return std::unexpected(running.error());
      if (!*running) continue;
      if (now == enforced.end()) {
        left.insert(index);
      } else if (auto gone = attach::detach(hook); !gone) {
        return gone;
      }
    }
  }
  return {};
}

}  // namespace

Result<std::size_t> retire_replaced(const Paths& paths) {
  if (!has_replaced(paths)) return 0U;
  const auto lock = lock_directory(paths.state);
  if (!lock) return std::unexpected(lock.error());
  const auto enforced = read_enforced(paths);
  if (!enforced) return std::unexpected(enforced.error());
  std::set<std::uint32_t> all;
  for (const std::string& name : bpf::list(paths.replaced())) {
    const fs::path generation = paths.replaced() / name;
    std::set<std::uint32_t> left;
    if (auto done = retire_links(generation, *enforced, left); !done)
      return std::unexpected(done.error());
    if (auto done = retire_filters(generation, *enforced, left); !done)
      return std::unexpected(done.error());
    all.insert(left.begin(), left.end());
    // Its arrays of programs are emptied when their pins go.
    if (left.empty()) {
      if (auto removed = bpf::remove_at_once(generation); !removed)
        return std::unexpected(removed.error());
      continue;
    }
    // Whom it still enforces must not send past the programs that enforce the others.
    for (const auto& [index, kind] : *enforced) {
      if (auto done = forget_interface(generation / "maps", index); !done)
        return std::unexpected(done.error());
    }
  }
  return all.size();
}

}  // namespace policyc::endpoint
