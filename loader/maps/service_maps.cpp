#include "loader/maps/service_maps.h"

#include <array>

#include <linux/bpf.h>

#include "loader/bpf/bpffs.h"
#include "loader/maps/header.h"
#include "loader/maps/taker.h"

namespace policyc::maps {
namespace {

// The first one is what a frontend is found by.
constexpr std::array kNames = {"frontends4", "frontends6",    "frontends",      "services",
                               "slots",      "backends",      "local_backends", "maglev",
                               "affinity",   "source_ranges", "service_config"};

}  // namespace

Result<bpf::MapHandle> ServiceMaps::make_maglev_table(std::uint32_t size) {
  return bpf::MapHandle::create(spec<std::uint32_t, std::uint32_t>(
      "maglev_table", BPF_MAP_TYPE_ARRAY, size, BPF_F_INNER_MAP));
}

Result<ServiceMaps> ServiceMaps::take(const std::filesystem::path& directory,
                                      const ServiceMapSizes& sizes, bool make) {
  if (const auto header = take_header(directory, make); !header)
    return std::unexpected(header.error());
  // Only its kind matters; tables of any size may stand beside each other.
  const auto like = make_maglev_table(1);
  if (!like) return std::unexpected(like.error());
  constexpr std::uint32_t kSparse = BPF_F_NO_PREALLOC;
  const auto hash = BPF_MAP_TYPE_HASH;
  const auto array = BPF_MAP_TYPE_ARRAY;
  Taker taker(directory, make);
  ServiceMaps maps;
  maps.frontends4 = decltype(maps.frontends4)(taker.take(
      spec<frontend4_key, frontend_value>("frontends4", hash, sizes.frontends, kSparse)));
  maps.frontends6 = decltype(maps.frontends6)(taker.take(
      spec<frontend6_key, frontend_value>("frontends6", hash, sizes.frontends, kSparse)));
  maps.frontends = decltype(maps.frontends)(
      taker.take(spec<std::uint32_t, frontend_address>("frontends", array, sizes.frontends)));
  maps.services = decltype(maps.services)(
      taker.take(spec<std::uint32_t, service_value>("services", array, sizes.services)));
  maps.slots = decltype(maps.slots)(
      taker.take(spec<std::uint32_t, std::uint32_t>("slots", array, sizes.slots)));
  maps.backends = decltype(maps.backends)(
      taker.take(spec<std::uint32_t, backend_value>("backends", array, sizes.backends)));
  maps.local_backends = decltype(maps.local_backends)(taker.take(
      spec<local_backend_key, std::uint32_t>("local_backends", hash, sizes.backends, kSparse)));
  auto maglev =
      spec<std::uint32_t, std::uint32_t>("maglev", BPF_MAP_TYPE_ARRAY_OF_MAPS, sizes.services);
  maglev.inner_map = like->fd();
  maps.maglev = taker.take(maglev);
  maps.affinity = decltype(maps.affinity)(taker.take(
      spec<affinity_key, affinity_value>("affinity", BPF_MAP_TYPE_LRU_HASH, sizes.affinity)));
  maps.source_ranges = decltype(maps.source_ranges)(taker.take(spec<source_range_key, std::uint8_t>(
      "source_ranges", BPF_MAP_TYPE_LPM_TRIE, sizes.source_ranges, kSparse)));
  maps.service_config = decltype(maps.service_config)(
      taker.take(spec<std::uint32_t, service_config_value>("service_config", array, 1)));
  if (taker.failed()) return std::unexpected(*taker.failed());
  return maps;
}

Result<ServiceMaps> ServiceMaps::open_or_create(const std::filesystem::path& directory,
                                                const ServiceMapSizes& sizes) {
  if (auto made = bpf::ensure_directory(directory); !made) return std::unexpected(made.error());
  return take(directory, sizes, true);
}

bool ServiceMaps::exist(const std::filesystem::path& directory) {
  return bpf::exists(directory / kNames.front());
}

Result<ServiceMaps> ServiceMaps::open(const std::filesystem::path& directory) {
  if (!exist(directory))
    return fail("no services are loaded: there are no maps of them in " + directory.string());
  return take(directory, ServiceMapSizes{}, false);
}

Result<void> ServiceMaps::unpin(const std::filesystem::path& directory) {
  for (const char* name : kNames) {
    if (auto gone = bpf::unpin(directory / name); !gone) return gone;
  }
  return {};
}

std::vector<const bpf::MapHandle*> ServiceMaps::shared() const {
  return {
      &frontends4.handle(), &frontends6.handle(),    &frontends.handle(),      &services.handle(),
      &slots.handle(),      &backends.handle(),      &local_backends.handle(), &maglev,
      &affinity.handle(),   &source_ranges.handle(), &service_config.handle()};
}

Result<void> ServiceMaps::share_with(bpf::Object& object) const {
  for (const bpf::MapHandle* map : shared()) {
    if (!object.has_map(map->name())) continue;
    if (auto reused = object.reuse_map(map->name(), map->fd()); !reused) return reused;
  }
  return {};
}

Result<service_config_value> ServiceMaps::config() const {
  const auto value = service_config.lookup(0);
  if (!value) return std::unexpected(value.error());
  return **value;  // an array always has its element
}

}  // namespace policyc::maps
