#pragma once
// The maps of services (runtime/abi/service.h), pinned beside the node's maps under the names that
// runtime/include/service_maps.h gives them. They outlive the process.

#include <cstdint>
#include <filesystem>
#include <vector>

#include "compiler/support/result.h"
#include "loader/bpf/map.h"
#include "loader/bpf/object.h"
#include "runtime/abi/service.h"

namespace policyc::maps {

// Entries of each map when it is made; one that is there keeps its size. Arrays are allocated in
// full: 24 bytes for a frontend, 16 for a service (with its place in "maglev"), 4 for a slot, 32
// for a backend.
struct ServiceMapSizes {
  std::uint32_t frontends = 65536;  // each family's hash, and the numbers of both
  std::uint32_t services = 65536;   // sets of backends
  std::uint32_t slots = 262144;
  std::uint32_t backends = 131072;
  std::uint32_t affinity = 65536;       // clients that are remembered
  std::uint32_t source_ranges = 65536;  // allocated as they come
  friend bool operator==(const ServiceMapSizes&, const ServiceMapSizes&) = default;
};

struct ServiceMaps {
  bpf::Map<frontend4_key, frontend_value> frontends4;
  bpf::Map<frontend6_key, frontend_value> frontends6;
  bpf::Map<std::uint32_t, frontend_address> frontends;  // by number
  bpf::Map<std::uint32_t, service_value> services;      // by number
  bpf::Map<std::uint32_t, std::uint32_t> slots;
  bpf::Map<std::uint32_t, backend_value> backends;            // by number
  bpf::Map<local_backend_key, std::uint32_t> local_backends;  // to the backend's number
  bpf::MapHandle maglev;                                      // of maps, by service number
  bpf::Map<affinity_key, affinity_value> affinity;
  bpf::Map<source_range_key, std::uint8_t> source_ranges;
  bpf::Map<std::uint32_t, service_config_value> service_config;

  // Opens or makes all of them under `directory` (on a BPF file system). An ABI mismatch is an
  // Error.
  [[nodiscard]] static Result<ServiceMaps> open_or_create(const std::filesystem::path& directory,
                                                          const ServiceMapSizes& sizes);
  // Opens those that are there; an Error when one is missing.
  [[nodiscard]] static Result<ServiceMaps> open(const std::filesystem::path& directory);
  // Whether there are some.
  [[nodiscard]] static bool exist(const std::filesystem::path& directory);
  // Takes the pins away, "frontends4" first; programs that use the maps keep them. Fine when
  // absent.
  [[nodiscard]] static Result<void> unpin(const std::filesystem::path& directory);

  // Lets `object` use these maps where it declares one of their names; an Error when type or sizes
  // differ.
  [[nodiscard]] Result<void> share_with(bpf::Object& object) const;

  // All zero until it is written.
  [[nodiscard]] Result<service_config_value> config() const;
  // An array that can be put into "maglev".
  [[nodiscard]] static Result<bpf::MapHandle> make_maglev_table(std::uint32_t size);

 private:
  [[nodiscard]] static Result<ServiceMaps> take(const std::filesystem::path& directory,
                                                const ServiceMapSizes& sizes, bool make);
  [[nodiscard]] std::vector<const bpf::MapHandle*> shared() const;
};

}  // namespace policyc::maps
