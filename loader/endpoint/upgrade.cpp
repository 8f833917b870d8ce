#include "loader/endpoint/upgrade.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <string>
#include <utility>
#include <vector>

#include "loader/bpf/bpffs.h"
#include "loader/endpoint/files.h"
#include "loader/endpoint/removal.h"
#include "loader/endpoint/state.h"

namespace policyc::endpoint {
namespace {

namespace fs = std::filesystem;

constexpr const char* kMapsInTheMaking = "maps_making";

// What connections need to be known and translated: POLICYC_CONNECTIONS_VERSION is about these. The
// numbers in one of them are those of the others. Not every node has all.
constexpr std::array kConnectionMaps{"conntrack4",
                                     "conntrack6",
                                     "conntrack4_overflow",
                                     "conntrack6_overflow",
                                     "ct_table",
                                     "ct_pressure",
                                     "frontends4",
                                     "frontends6",
                                     "frontends",
                                     "services",
                                     "slots",
                                     "backends",
                                     "local_backends",
                                     "maglev",
                                     "affinity",
                                     "source_ranges",
                                     "service_config",
                                     "socket_reverse",
                                     "socket_choices",
                                     "nat4",
                                     "nat6",
                                     "devices",
                                     "nat_exclusions4",
                                     "nat_exclusions6"};

// Oldest first, without those that are being removed.
std::vector<std::uint32_t> generations(const Paths& paths) {
  std::vector<std::uint32_t> numbers;
  for (const std::string& name : bpf::list(paths.replaced())) {
    std::uint32_t number = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
    if (error == std::errc{} && end == name.data() + name.size()) numbers.push_back(number);
  }
  std::ranges::sort(numbers);
  return numbers;
}

// The maps go last: until then another attempt finds them, and moves the rest. Links of sockets and
// devices stay: each is given its new program when that has what it reads.
Result<void> set_aside(const Paths& paths) {
  std::uint32_t number = 1;
  if (const auto before = generations(paths); !before.empty()) {
    const bool begun = !bpf::exists(paths.replaced(before.back()) / "maps");
    number = begun ? before.back() : before.back() + 1;
  }
  const fs::path aside = paths.replaced(number);
  if (auto made = bpf::ensure_directory(aside); !made) return made;
  const std::array<std::pair<fs::path, const char*>, 5> folders{
      {{paths.endpoints(), "endpoints"},
       {paths.programs(), "programs"},
       {paths.shapes(), "shapes"},
       {paths.device_programs(), "device_programs"},
       {paths.maps(), "maps"}}};
  for (const auto& [folder, name] : folders) {
    if (!bpf::exists(folder)) continue;
    if (auto moved = bpf::rename(folder, aside / name); !moved) return moved;
  }
  return {};
}

// The epoch of the old node, if its connections mean the same to us: verdicts in them are of that
// epoch or of earlier ones. 0: it has services alone, and no verdicts.
Result<std::optional<std::uint32_t>> epoch_of_connections(const fs::path& old_maps) {
  const auto header = maps::read_header(old_maps);
  if (!header) return std::unexpected(header.error());
  if (header->connections_version != POLICYC_CONNECTIONS_VERSION) return std::nullopt;
  const auto spec = bpf::MapSpec{"node_config", 0, sizeof(std::uint32_t), 0, 1, 0};
  if (!bpf::exists(old_maps / spec.name)) return 0U;
  auto pin = bpf::open_pinned(old_maps / spec.name);
  if (!pin) return std::nullopt;
  const bpf::MapHandle config(spec.name, std::move(*pin));
  const auto info = config.info();
  if (!info) return std::unexpected(info.error());
  if (info->key_size != spec.key_size || info->value_size < sizeof(node_config_value))
    return std::nullopt;
  std::vector<std::byte> bytes(info->value_size);
  const std::uint32_t first = 0;
  if (auto found = config.lookup_raw(&first, bytes.data()); !found)
    return std::unexpected(found.error());
  node_config_value value{};
  std::memcpy(&value, bytes.data(), sizeof value);
  return value.policy_epoch;
}

// Both nodes have the same tables from here on: what a number meant it means.
Result<void> share_connections(const fs::path& old_maps, const fs::path& maps) {
  if (auto made = bpf::ensure_directory(maps); !made) return made;
  for (const char* name : kConnectionMaps) {
    if (!bpf::exists(old_maps / name)) continue;
    const auto map = bpf::open_pinned(old_maps / name);
    if (!map) return std::unexpected(map.error());
    if (auto pinned = bpf::pin(map->get(), maps / name); !pinned) return pinned;
  }
  return {};
}

// Maps that are complete, with a state of their own, in one step.
Result<TakeOver> begin_anew(const Paths& paths, const maps::MapSizes& sizes) {
  const fs::path old_maps = paths.replaced(generations(paths).back()) / "maps";
  const fs::path making = paths.bpffs / kMapsInTheMaking;
  TakeOver report;
  const auto header = maps::read_header(old_maps);
  if (!header) return std::unexpected(header.error());
  report.abi_version = header->abi_version;
  if (auto removed = bpf::remove_tree(making); !removed) return std::unexpected(removed.error());
  if (auto forgotten = remove_state(paths); !forgotten) return std::unexpected(forgotten.error());
  const auto epoch = epoch_of_connections(old_maps);
  if (!epoch) return std::unexpected(epoch.error());
  if (*epoch) {
    if (auto shared = share_connections(old_maps, making); !shared)
      return std::unexpected(shared.error());
  }
  const auto maps = maps::NodeMaps::open_or_create(making, sizes);
  if (!maps) return std::unexpected(maps.error());
  if (*epoch) {
    // No verdict that the old policies left counts.
    auto config = maps->config();
    if (!config) return std::unexpected(config.error());
    config->policy_epoch = **epoch;
    if (auto set = maps->set_config(*config); !set) return std::unexpected(set.error());
    if (auto raised = maps->raise_epoch(); !raised) return std::unexpected(raised.error());
    report.connections = true;
  }
  const auto state = read_state(paths);  // a new one
  if (!state) return std::unexpected(state.error());
  if (auto written = write_state(paths, *state); !written) return std::unexpected(written.error());
  if (auto bound = maps->set_instance(state->instance); !bound)
    return std::unexpected(bound.error());
  if (auto moved = bpf::rename(making, paths.maps()); !moved) return std::unexpected(moved.error());
  return report;
}

}  // namespace

bool has_replaced(const Paths& paths) { return !bpf::list(paths.replaced()).empty(); }

Result<std::optional<TakeOver>> take_over(const Paths& paths, const maps::MapSizes& sizes) {
  const auto lock = lock_directory(paths.state);
  if (!lock) return std::unexpected(lock.error());
  if (auto finished = finish_removal(paths); !finished) return std::unexpected(finished.error());
  if (bpf::exists(paths.maps() / maps::kHeaderName)) {
    const auto header = maps::read_header(paths.maps());
    if (!header) return std::unexpected(header.error());
    // 0: maps that somebody began to make and that nothing uses.
    if (header->abi_version == POLICYC_ABI_VERSION || header->abi_version == 0) return std::nullopt;
    if (auto aside = set_aside(paths); !aside) return std::unexpected(aside.error());
  } else if (bpf::exists(paths.maps()) || generations(paths).empty()) {
    return std::nullopt;
  }
  auto report = begin_anew(paths, sizes);
  if (!report) return std::unexpected(report.error());
  return *report;
}

}  // namespace policyc::endpoint
