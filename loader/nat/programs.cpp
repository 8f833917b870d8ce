#include "loader/nat/programs.h"

#include <algorithm>
#include <array>

#include "compiler/backend/backend.h"
#include "loader/bpf/bpffs.h"
#include "loader/bpf/object.h"
#include "loader/endpoint/datapath.h"
#include "loader/kernel/datapath.h"

namespace policyc::nat {
namespace {

namespace fs = std::filesystem;

// Room of one object for its own use; everything else is the node's.
constexpr std::array kPrivateMaps{"nat_work", "answer_state"};

bool is_private(const std::string& map) {
  return std::find(kPrivateMaps.begin(), kPrivateMaps.end(), map) != kPrivateMaps.end();
}

// Maps of services and translation: those that are pinned are used, the rest are pinned after the
// load.
Result<void> share_pinned(const fs::path& folder, bpf::Object& object) {
  for (const bpf::MapSpec& map : object.maps()) {
    if (is_private(map.name) || !bpf::exists(folder / map.name)) continue;
    const auto fd = bpf::open_pinned(folder / map.name);
    if (!fd) return std::unexpected(fd.error());
    if (auto reused = object.reuse_map(map.name, fd->get()); !reused) return reused;
  }
  return {};
}

Result<void> pin_fresh(const fs::path& folder, const bpf::Object& object) {
  for (const bpf::MapSpec& map : object.maps()) {
    if (is_private(map.name) || bpf::exists(folder / map.name)) continue;
    const auto fd = object.map_fd(map.name);
    if (!fd) return std::unexpected(fd.error());
    if (auto pinned = bpf::pin(*fd, folder / map.name); !pinned) return pinned;
  }
  return {};
}

// Of tables that are not there yet.
Result<void> size_tables(const fs::path& folder, bpf::Object& object, std::uint32_t entries) {
  for (const char* table : {"nat4", "nat6"}) {
    if (bpf::exists(folder / table)) continue;
    if (auto sized = object.set_max_entries(table, entries); !sized) return sized;
  }
  return {};
}

Result<void> load(const endpoint::Paths& paths, const maps::NodeMaps& maps,
                  std::span<const std::uint8_t> bytes, const fs::path& directory,
                  std::optional<std::uint32_t> entries) {
  const auto fitted = kernel::fit_datapath(bytes);
  if (!fitted) return std::unexpected(fitted.error());
  auto object = bpf::Object::open(*fitted, "policyc_device");
  if (!object) return std::unexpected(object.error());
  if (auto shared = maps.share_with(*object); !shared) return shared;
  if (auto shared = share_pinned(paths.maps(), *object); !shared) return shared;
  if (entries) {
    if (auto sized = size_tables(paths.maps(), *object, *entries); !sized) return sized;
  }
  if (auto loaded = object->load(); !loaded) return loaded;
  if (auto pinned = pin_fresh(paths.maps(), *object); !pinned) return pinned;
  const fs::path half_made = directory.string() + std::string(bpf::kHalfMade);
  if (auto removed = bpf::remove_tree(half_made); !removed) return removed;
  if (auto made = bpf::ensure_directory(half_made); !made) return made;
  for (const std::string& name : object->programs()) {
    const auto fd = object->program_fd(name);
    if (!fd) return std::unexpected(fd.error());
    if (auto pinned = bpf::pin(*fd, half_made / name); !pinned) return pinned;
  }
  return bpf::rename(half_made, directory);
}

}  // namespace

Result<fs::path> ensure_programs(const endpoint::Paths& paths, const maps::NodeMaps& maps,
                                 std::span<const std::uint8_t> bytes,
                                 std::optional<std::uint32_t> entries) {
  fs::path directory = paths.device_programs() / endpoint::datapath_version(bytes);
  if (bpf::exists(directory)) return directory;
  if (auto made = bpf::ensure_directory(paths.device_programs()); !made)
    return std::unexpected(made.error());
  if (auto loaded = load(paths, maps, bytes, directory, entries); !loaded)
    return std::unexpected(loaded.error());
  return directory;
}

Result<void> forget_other_builds(const endpoint::Paths& paths) {
  const std::array own{endpoint::datapath_version(backend::device_object()),
                       endpoint::datapath_version(backend::xdp_object())};
  for (const std::string& version : bpf::list(paths.device_programs())) {
    if (std::ranges::find(own, version) != own.end()) continue;
    if (auto removed = bpf::remove_at_once(paths.device_programs() / version); !removed)
      return removed;
  }
  return {};
}

Result<bpf::Fd> open_program(const endpoint::Paths& paths, const std::string& name) {
  const fs::path own =
      paths.device_programs() / endpoint::datapath_version(backend::device_object()) / name;
  if (bpf::exists(own)) return bpf::open_pinned(own);
  // A device that another build attached goes on until this one has it.
  for (const std::string& version : bpf::list(paths.device_programs())) {
    const fs::path path = paths.device_programs() / version / name;
    if (version.ends_with(bpf::kHalfMade) || !bpf::exists(path)) continue;
    return bpf::open_pinned(path);
  }
  return fail("no device is attached: there is no program " + name + " in " +
              paths.device_programs().string());
}

}  // namespace policyc::nat
