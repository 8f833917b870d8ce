#pragma once
// The IP cache as one table: exact addresses live in the hash maps, the rest in the tries.

#include <cstddef>
#include <map>
#include <span>
#include <utility>

#include "compiler/support/ip.h"
#include "compiler/support/result.h"
#include "loader/maps/node_maps.h"

namespace policyc::maps {

struct IpCacheEntry {
  std::uint32_t identity = 0;
  std::uint32_t peer_class = 0;
  std::uint32_t interface_index = 0;  // of an endpoint of this node, host side; else 0
  friend bool operator==(const IpCacheEntry&, const IpCacheEntry&) = default;
};
using IpCache = std::map<IpPrefix, IpCacheEntry>;

[[nodiscard]] Result<IpCache> read_ipcache(const NodeMaps& maps);

struct IpCacheChange {
  std::size_t added = 0;
  std::size_t changed = 0;
  std::size_t removed = 0;
  [[nodiscard]] bool any() const { return added + changed + removed != 0; }
};

// Makes the kernel's table equal to `wanted`, writing only what differs, exact addresses in
// batches. Each address moves in one step; entries are added and changed before any is removed, so
// an address that stays known never falls to a wider prefix. Also keeps the NODE_HAS_PREFIXES flags
// of node_config.
[[nodiscard]] Result<IpCacheChange> write_ipcache(const NodeMaps& maps, const IpCache& wanted);
// The same where the kernel's content is known.
[[nodiscard]] Result<IpCacheChange> write_ipcache(const NodeMaps& maps, const IpCache& present,
                                                  const IpCache& wanted);

// One entry: one map update each. The caller keeps NODE_HAS_PREFIXES (has_prefixes()).
[[nodiscard]] bool is_exact(const IpPrefix& prefix);
[[nodiscard]] Result<void> put_address(const NodeMaps& maps, const IpPrefix& prefix,
                                       const IpCacheEntry& entry);
// Several, exact addresses in batches.
[[nodiscard]] Result<void> put_addresses(
    const NodeMaps& maps, std::span<const std::pair<IpPrefix, IpCacheEntry>> entries);
[[nodiscard]] Result<bool> remove_address(const NodeMaps& maps, const IpPrefix& prefix);
// Whether the programs look for prefixes at all. True before the first one is put, false only after
// the last one is removed.
[[nodiscard]] Result<void> set_prefix_flags(const NodeMaps& maps, bool has4, bool has6);

}  // namespace policyc::maps
