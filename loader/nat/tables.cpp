#include "loader/nat/tables.h"

#include <linux/bpf.h>

namespace policyc::nat {
namespace {

template <class Key, class Value>
Result<bpf::MapHandle> open_one(const std::filesystem::path& directory, const char* name,
                                std::uint32_t type) {
  return bpf::MapHandle::open({.name = name,
                               .type = type,
                               .key_size = sizeof(Key),
                               .value_size = sizeof(Value),
                               .max_entries = 1},
                              directory / name);
}

}  // namespace

Result<Tables> Tables::open(const std::filesystem::path& directory) {
  auto nat4 = open_one<nat4_key, nat_value>(directory, "nat4", BPF_MAP_TYPE_HASH);
  if (!nat4) return std::unexpected(nat4.error());
  auto nat6 = open_one<nat6_key, nat_value>(directory, "nat6", BPF_MAP_TYPE_HASH);
  if (!nat6) return std::unexpected(nat6.error());
  auto devices = open_one<std::uint32_t, device_value>(directory, "devices", BPF_MAP_TYPE_HASH);
  if (!devices) return std::unexpected(devices.error());
  auto exclusions4 = open_one<nat_exclusion4_key, std::uint8_t>(directory, "nat_exclusions4",
                                                                BPF_MAP_TYPE_LPM_TRIE);
  if (!exclusions4) return std::unexpected(exclusions4.error());
  auto exclusions6 = open_one<nat_exclusion6_key, std::uint8_t>(directory, "nat_exclusions6",
                                                                BPF_MAP_TYPE_LPM_TRIE);
  if (!exclusions6) return std::unexpected(exclusions6.error());
  auto tries =
      open_one<std::uint32_t, std::uint64_t>(directory, "nat_tries", BPF_MAP_TYPE_PERCPU_ARRAY);
  if (!tries) return std::unexpected(tries.error());
  auto collected =
      open_one<std::uint32_t, nat_collected_value>(directory, "nat_collected", BPF_MAP_TYPE_ARRAY);
  if (!collected) return std::unexpected(collected.error());
  Tables tables;
  tables.nat4 = decltype(tables.nat4)(std::move(*nat4));
  tables.nat6 = decltype(tables.nat6)(std::move(*nat6));
  tables.devices = decltype(tables.devices)(std::move(*devices));
  tables.exclusions4 = decltype(tables.exclusions4)(std::move(*exclusions4));
  tables.exclusions6 = decltype(tables.exclusions6)(std::move(*exclusions6));
  tables.tries = decltype(tables.tries)(std::move(*tries));
  tables.collected = decltype(tables.collected)(std::move(*collected));
  return tables;
}

}  // namespace policyc::nat
