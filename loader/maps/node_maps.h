#pragma once
// The maps of a node: made once, pinned under <root>/maps by their names in runtime/abi/abi.h, used
// by every program. They outlive the process; a later run opens them and refuses to go on when they
// are of another ABI.

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "compiler/support/result.h"
#include "loader/bpf/map.h"
#include "loader/bpf/object.h"
#include "loader/maps/endpoint_table.h"
#include "loader/maps/header.h"
#include "runtime/abi/abi.h"
#include "runtime/abi/conntrack_table.h"

namespace policyc::maps {

// Entries of each map when it is made; one that is there keeps its size. Connection tables are
// allocated in full, in buckets of 16 whose number is rounded up to a power of two: an entry takes
// 84 bytes of kernel memory, with IPv6 108.
struct MapSizes {
  std::uint32_t interfaces = 16384;  // interface indices below are found at once; 56 bytes each
  std::uint32_t endpoints = 4096;    // with higher ones; and those whose traffic is counted
  std::uint32_t ipcache = 131072;    // exact addresses, each family; allocated as they come
  std::uint32_t prefixes = 16384;    // each family; allocated as they come
  std::uint32_t conntrack = 65536;   // each family
  std::uint32_t fragments = 8192;
  std::uint32_t conntrack_overflow = 8192;  // each family
  std::uint32_t rule_hits = 65536;          // allocated as they come
  std::uint32_t shapes = 4096;              // slots; slot 0 is not used
  friend bool operator==(const MapSizes&, const MapSizes&) = default;
};

struct NodeMaps {
  EndpointTable endpoints;  // by interface index
  bpf::Map<ipcache4_key, ipcache_value> ipcache4;
  bpf::Map<ipcache6_key, ipcache_value> ipcache6;
  bpf::Map<ipcache4_prefix_key, ipcache_value> ipcache4_prefix;
  bpf::Map<ipcache6_prefix_key, ipcache_value> ipcache6_prefix;
  bpf::Map<std::uint32_t, node_config_value> node_config;
  bpf::Map<std::uint32_t, ct4_bucket> conntrack4;  // loader/maps/connection_table.h
  bpf::Map<std::uint32_t, ct6_bucket> conntrack6;
  bpf::Map<std::uint32_t, ct_table_value> ct_table;
  bpf::Map<fragment_key, fragment_value> fragments;
  bpf::Map<ct4_key, ct_value> conntrack4_overflow;
  bpf::Map<ct6_key, ct_value> conntrack6_overflow;
  bpf::Map<std::uint32_t, ct_pressure_value> ct_pressure;
  bpf::Map<std::uint32_t, ct_collected_value> ct_collected;
  bpf::PerCpuMap<std::uint32_t, metrics_value> metrics;  // dropped, by POLICYC_METRICS_INDEX
  bpf::PerCpuMap<std::uint32_t, traffic_value> traffic;  // by endpoint_id * 2 + policyc_direction
  bpf::PerCpuMap<rule_hit_key, metrics_value> rule_hits;
  bpf::PerCpuMap<std::uint32_t, recent_hit_value> recent_hits;
  bpf::MapHandle event_heads;  // loader/events
  bpf::MapHandle event_slots;
  bpf::MapHandle scratch;  // "policy_scratch"
  // Program arrays: written with a program's descriptor, read as its id.
  bpf::Map<std::uint32_t, std::uint32_t> policies;       // by POLICYC_POLICY_INDEX
  bpf::Map<std::uint32_t, std::uint32_t> policy_finish;  // by policyc_direction

  // Opens or makes all of them under `directory` (on a BPF file system). An ABI mismatch is an
  // Error.
  [[nodiscard]] static Result<NodeMaps> open_or_create(const std::filesystem::path& directory,
                                                       const MapSizes& sizes);
  // Whether there are some: services may have been loaded alone.
  [[nodiscard]] static bool exist(const std::filesystem::path& directory);
  // Opens those that are there; an Error when one is missing.
  [[nodiscard]] static Result<NodeMaps> open(const std::filesystem::path& directory);

  // Names the state directory that the numbers in these maps belong to: identities and classes mean
  // nothing without it. 0 until set_instance().
  [[nodiscard]] Result<std::uint64_t> instance() const;
  [[nodiscard]] Result<void> set_instance(std::uint64_t instance) const;

  // Lets `object` use these maps where it declares one of their names; an Error when type or sizes
  // differ.
  [[nodiscard]] Result<void> share_with(bpf::Object& object) const;

  [[nodiscard]] Result<node_config_value> config() const;
  [[nodiscard]] Result<void> set_config(const node_config_value& value) const;
  // Makes every program ask again for the verdict of tracked connections. Never 0.
  [[nodiscard]] Result<std::uint32_t> raise_epoch() const;

 private:
  [[nodiscard]] static Result<NodeMaps> take(const std::filesystem::path& directory,
                                             const MapSizes& sizes, bool make);
  [[nodiscard]] std::vector<const bpf::MapHandle*> shared() const;
  [[nodiscard]] Result<void> seed_connection_tables() const;

  bpf::Map<std::uint32_t, MapsHeader> header_;
};

}  // namespace policyc::maps
