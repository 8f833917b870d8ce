#include "loader/maps/ipcache.h"

#include <algorithm>
#include <cstring>

namespace policyc::maps {
namespace {

template <class T>
T from_bytes(const IpAddress& address) {
  T value{};
  static_assert(sizeof value <= sizeof address.bytes);
  std::memcpy(&value, address.bytes.data(), sizeof value);
  return value;
}

template <class T>
IpPrefix to_prefix(bool v6, const T& bytes, std::uint32_t length) {
  IpPrefix prefix;
  prefix.address.v6 = v6;
  std::memcpy(prefix.address.bytes.data(), &bytes, sizeof bytes);
  prefix.length = static_cast<int>(length);
  return prefix;
}

ipcache4_prefix_key key4(const IpPrefix& prefix) {
  return {static_cast<std::uint32_t>(prefix.length), from_bytes<std::uint32_t>(prefix.address)};
}

ipcache6_prefix_key key6(const IpPrefix& prefix) {
  ipcache6_prefix_key key{};
  key.prefix_length = static_cast<std::uint32_t>(prefix.length);
  std::copy(prefix.address.bytes.begin(), prefix.address.bytes.end(), key.address);
  return key;
}

template <class Table, class ToPrefix>
Result<void> collect(const Table& table, ToPrefix to_prefix_of, IpCache& cache) {
  const auto entries = table.entries();
  if (!entries) return std::unexpected(entries.error());
  for (const auto& [key, value] : *entries)
    cache[to_prefix_of(key)] = {value.identity, value.peer_class, value.interface_index};
  return {};
}

ipcache_value value_of(const IpCacheEntry& entry) {
  return {entry.identity, entry.peer_class, entry.interface_index};
}

// Entries for one map, written by one system call.
template <class Key>
class Batch {
 public:
  void add(const Key& key, const IpCacheEntry& entry) {
    keys_.push_back(key);
    values_.push_back(value_of(entry));
  }
  [[nodiscard]] Result<void> write(const bpf::Map<Key, ipcache_value>& map) const {
    return map.update_batch(keys_, values_);
  }

 private:
  std::vector<Key> keys_;
  std::vector<ipcache_value> values_;
};

bool has_prefixes(const IpCache& cache, bool v6) {
  return std::any_of(cache.begin(), cache.end(), [v6](const auto& entry) {
    return entry.first.address.v6 == v6 && !is_exact(entry.first);
  });
}

}  // namespace

bool is_exact(const IpPrefix& prefix) { return prefix.length == prefix.address.bit_length(); }

Result<void> put_address(const NodeMaps& maps, const IpPrefix& prefix, const IpCacheEntry& entry) {
  const ipcache_value value = value_of(entry);
  const bool v6 = prefix.address.v6;
  if (is_exact(prefix) && v6)
    return maps.ipcache6.update(from_bytes<ipcache6_key>(prefix.address), value);
  if (is_exact(prefix))
    return maps.ipcache4.update(from_bytes<ipcache4_key>(prefix.address), value);
  return v6 ? maps.ipcache6_prefix.update(key6(prefix), value)
            : maps.ipcache4_prefix.update(key4(prefix), value);
}

Result<void> put_addresses(const NodeMaps& maps,
                           std::span<const std::pair<IpPrefix, IpCacheEntry>> entries) {
  Batch<ipcache4_key> exact4;
  Batch<ipcache6_key> exact6;
  for (const auto& [prefix, entry] : entries) {
    if (is_exact(prefix) && prefix.address.v6) {
      exact6.add(from_bytes<ipcache6_key>(prefix.address), entry);
    } else if (is_exact(prefix)) {
      exact4.add(from_bytes<ipcache4_key>(prefix.address), entry);
    } else if (auto done = put_address(maps, prefix, entry); !done) {
      return done;
    }
  }
  if (auto done = exact4.write(maps.ipcache4); !done) return done;
  return exact6.write(maps.ipcache6);
}

Result<bool> remove_address(const NodeMaps& maps, const IpPrefix& prefix) {
  const bool v6 = prefix.address.v6;
  if (is_exact(prefix) && v6) return maps.ipcache6.erase(from_bytes<ipcache6_key>(prefix.address));
  if (is_exact(prefix)) return maps.ipcache4.erase(from_bytes<ipcache4_key>(prefix.address));
  return v6 ? maps.ipcache6_prefix.erase(key6(prefix)) : maps.ipcache4_prefix.erase(key4(prefix));
}

Result<void> set_prefix_flags(const NodeMaps& maps, bool has4, bool has6) {
  auto config = maps.config();
  if (!config) return std::unexpected(config.error());
  const std::uint32_t wanted = (config->flags & ~(NODE_HAS_PREFIXES4 | NODE_HAS_PREFIXES6)) |
                               (has4 ? NODE_HAS_PREFIXES4 : 0U) | (has6 ? NODE_HAS_PREFIXES6 : 0U);
  if (wanted == config->flags) return {};
  config->flags = wanted;
  return maps.set_config(*config);
}

Result<IpCache> read_ipcache(const NodeMaps& maps) {
  IpCache cache;
  if (auto done = collect(
          maps.ipcache4, [](const ipcache4_key& key) { return to_prefix(false, key, 32); }, cache);
      !done) {
    return std::unexpected(done.error());
  }
  if (auto done = collect(
          maps.ipcache6, [](const ipcache6_key& key) { return to_prefix(true, key, 128); }, cache);
      !done) {
    return std::unexpected(done.error());
  }
  if (auto done = collect(
          maps.ipcache4_prefix,
          [](const ipcache4_prefix_key& key) {
            return to_prefix(false, key.address, key.prefix_length);
          },
          cache);
      !done) {
    return std::unexpected(done.error());
  }
  if (auto done = collect(
          maps.ipcache6_prefix,
          [](const ipcache6_prefix_key& key) {
            return to_prefix(true, key.address, key.prefix_length);
          },
          cache);
      !done) {
    return std::unexpected(done.error());
  }
  return cache;
}

Result<IpCacheChange> write_ipcache(const NodeMaps& maps, const IpCache& wanted) {
  const auto present = read_ipcache(maps);
  if (!present) return std::unexpected(present.error());
  return write_ipcache(maps, *present, wanted);
}

Result<IpCacheChange> write_ipcache(const NodeMaps& maps, const IpCache& present,
                                    const IpCache& wanted) {
  IpCacheChange change;
  const bool had4 = has_prefixes(present, false);
  const bool had6 = has_prefixes(present, true);
  const bool has4 = has_prefixes(wanted, false);
  const bool has6 = has_prefixes(wanted, true);
  if (auto flagged = set_prefix_flags(maps, had4 || has4, had6 || has6); !flagged) {
    return std::unexpected(flagged.error());
  }
  std::vector<std::pair<IpPrefix, IpCacheEntry>> put;
  for (const auto& [prefix, entry] : wanted) {
    const auto old = present.find(prefix);
    if (old != present.end() && old->second == entry) continue;
    ++(old == present.end() ? change.added : change.changed);
    put.emplace_back(prefix, entry);
  }
  if (auto done = put_addresses(maps, put); !done) return std::unexpected(done.error());
  for (const auto& [prefix, entry] : present) {
    if (wanted.contains(prefix)) continue;
    ++change.removed;
    if (auto done = remove_address(maps, prefix); !done) return std::unexpected(done.error());
  }
  if (auto flagged = set_prefix_flags(maps, has4, has6); !flagged)
    return std::unexpected(flagged.error());
  return change;
}

}  // namespace policyc::maps
