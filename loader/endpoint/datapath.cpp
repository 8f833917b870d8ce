#include "loader/endpoint/datapath.h"

#include "compiler/support/sha256.h"
#include "loader/bpf/bpffs.h"
#include "loader/bpf/info.h"
#include "loader/kernel/datapath.h"

namespace policyc::endpoint {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kVersionDigits = 16;

Result<void> pin_program(const bpf::Object& object, std::string_view name,
                         const fs::path& directory) {
  const auto fd = object.program_fd(std::string(name));
  if (!fd) return std::unexpected(fd.error());
  return bpf::pin(*fd, directory / name);
}

Result<void> load(const Paths& paths, const fs::path& directory, const maps::NodeMaps& maps,
                  std::span<const std::uint8_t> bytes) {
  const auto fitted = kernel::fit_datapath(bytes);
  if (!fitted) return std::unexpected(fitted.error());
  auto object = bpf::Object::open(*fitted, "policyc");
  if (!object) return std::unexpected(object.error());
  if (auto shared = maps.share_with(*object); !shared) return shared;
  // Whoever manages services fills them later.
  const auto services = maps::ServiceMaps::open_or_create(paths.maps(), {});
  if (!services) return std::unexpected(services.error());
  if (auto shared = services->share_with(*object); !shared) return shared;
  if (auto told = follow_services(maps, *services); !told) return told;
  if (auto loaded = object->load(); !loaded) return loaded;
  const fs::path half_made = directory.string() + std::string(bpf::kHalfMade);
  if (auto removed = bpf::remove_tree(half_made); !removed) return removed;
  if (auto made = bpf::ensure_directory(half_made); !made) return made;
  for (const attach::Side side : attach::kSides) {
    if (auto pinned = pin_program(*object, attach::program_name(side), half_made); !pinned)
      return pinned;
  }
  for (const std::size_t direction : {0U, 1U}) {
    if (auto pinned = pin_program(*object, finish_program_name(direction), half_made); !pinned)
      return pinned;
  }
  if (auto pinned = pin_program(*object, kCollectProgram, half_made); !pinned) return pinned;
  return bpf::rename(half_made, directory);
}

}  // namespace

Result<void> follow_services(const maps::NodeMaps& maps, const maps::ServiceMaps& services) {
  const auto wanted = services.config();
  if (!wanted) return std::unexpected(wanted.error());
  auto config = maps.config();
  if (!config) return std::unexpected(config.error());
  const std::uint32_t before = config->flags;
  config->flags &= ~NODE_SERVICES;
  if (wanted->flags & SERVICE_PER_PACKET) config->flags |= NODE_SERVICES;
  return config->flags == before ? Result<void>{} : maps.set_config(*config);
}

std::string_view policy_program_name(std::size_t direction) {
  return direction == POLICYC_INGRESS ? "policy_ingress" : "policy_egress";
}

std::string_view finish_program_name(std::size_t direction) {
  return direction == POLICYC_INGRESS ? "finish_ingress" : "finish_egress";
}

std::string datapath_version(std::span<const std::uint8_t> object) {
  return sha256_hex({reinterpret_cast<const char*>(object.data()), object.size()})
      .substr(0, kVersionDigits);
}

Result<Datapath> ensure_datapath(const Paths& paths, const maps::NodeMaps& maps,
                                 std::span<const std::uint8_t> object) {
  Datapath datapath;
  datapath.version = datapath_version(object);
  const fs::path directory = paths.programs() / datapath.version;
  if (!bpf::exists(directory)) {
    if (auto loaded = load(paths, directory, maps, object); !loaded)
      return std::unexpected(loaded.error());
  }
  for (const std::size_t index : {0U, 1U}) {
    auto program = bpf::open_pinned(directory / attach::program_name(attach::kSides[index]));
    if (!program) return std::unexpected(program.error());
    datapath.programs[index] = std::move(*program);
    auto finish = bpf::open_pinned(directory / finish_program_name(index));
    if (!finish) return std::unexpected(finish.error());
    datapath.finish[index] = std::move(*finish);
  }
  return datapath;
}

Result<void> install_finish(const bpf::Map<std::uint32_t, std::uint32_t>& map,
                            const std::array<int, 2>& programs) {
  for (std::uint32_t direction = 0; direction < 2; ++direction) {
    const auto info = bpf::program_info(programs[direction]);
    if (!info) return std::unexpected(info.error());
    const auto present = map.lookup(direction);
    if (!present) return std::unexpected(present.error());
    // A write patches the machine code of every policy program.
    if (*present == info->id) continue;
    const auto program = static_cast<std::uint32_t>(programs[direction]);
    if (auto written = map.update(direction, program); !written) return written;
  }
  return {};
}

Result<void> fill_slot(const bpf::Map<std::uint32_t, std::uint32_t>& policies, std::uint32_t slot,
                       const std::array<int, 2>& programs) {
  for (std::uint32_t direction = 0; direction < 2; ++direction) {
    auto written = policies.update(POLICYC_POLICY_INDEX(slot, direction),
                                   static_cast<std::uint32_t>(programs[direction]));
    if (!written) return written;
  }
  return {};
}

Result<void> clear_slot(const bpf::Map<std::uint32_t, std::uint32_t>& policies,
                        std::uint32_t slot) {
  for (std::uint32_t direction = 0; direction < 2; ++direction) {
    if (auto erased = policies.erase(POLICYC_POLICY_INDEX(slot, direction)); !erased)
      return std::unexpected(erased.error());
  }
  return {};
}

}  // namespace policyc::endpoint
