#include "loader/service/kernel.h"

#include <algorithm>
#include <cstring>
#include <type_traits>

#include "loader/service/local_backends.h"
#include "loader/service/maglev.h"

namespace policyc::service {
namespace {

// Fewer are cheaper one by one.
constexpr std::size_t kSmallestBatch = 4;
// Tables that wait for their place have an open descriptor each.
constexpr std::size_t kTablesAtOnce = 128;

frontend4_key key4(const FrontendKey& key) {
  frontend4_key result{};
  std::memcpy(&result.address, key.address.bytes.data(), sizeof result.address);
  result.port = __builtin_bswap16(key.port);
  result.protocol = key.protocol;
  return result;
}

frontend6_key key6(const FrontendKey& key) {
  frontend6_key result{};
  std::memcpy(result.address, key.address.bytes.data(), sizeof result.address);
  result.port = __builtin_bswap16(key.port);
  result.protocol = key.protocol;
  return result;
}

template <class Key, class Value>
Result<void> put_all(const bpf::Map<Key, Value>& map, const std::vector<Key>& keys,
                     const std::vector<Value>& values) {
  if (keys.size() >= kSmallestBatch) return map.update_batch(keys, values);
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (auto written = map.update(keys[i], values[i]); !written) return written;
  }
  return {};
}

// `write`s of one kind into one array or trie.
template <class Kind, class Key, class Value>
Result<void> put_run(const bpf::Map<Key, Value>& map, std::span<const Write> run,
                     Key (*key)(const Kind&), Value (*value)(const Kind&)) {
  std::vector<Key> keys;
  std::vector<Value> values;
  keys.reserve(run.size());
  values.reserve(run.size());
  for (const Write& write : run) {
    keys.push_back(key(std::get<Kind>(write)));
    values.push_back(value(std::get<Kind>(write)));
  }
  return put_all(map, keys, values);
}

Result<void> put_frontends(const maps::ServiceMaps& maps, std::span<const Write> run) {
  std::vector<frontend4_key> keys4;
  std::vector<frontend6_key> keys6;
  std::vector<frontend_value> values4, values6;
  for (const Write& write : run) {
    const auto& put = std::get<PutFrontend>(write);
    if (put.key.address.v6) {
      keys6.push_back(key6(put.key));
      values6.push_back(put.value);
    } else {
      keys4.push_back(key4(put.key));
      values4.push_back(put.value);
    }
  }
  if (auto written = put_all(maps.frontends4, keys4, values4); !written) return written;
  return put_all(maps.frontends6, keys6, values6);
}

template <class Value>
Result<void> fill_array(const bpf::MapHandle& map, const std::vector<Value>& values) {
  std::vector<std::uint32_t> keys(values.size());
  for (std::uint32_t i = 0; i < keys.size(); ++i) keys[i] = i;
  return map.update_batch_raw(keys.data(), values.data(), keys.size());
}

// Each table is complete before its service has it.
Result<void> put_tables(const maps::ServiceMaps& maps, std::span<const Write> run) {
  std::vector<bpf::MapHandle> tables;
  std::vector<std::uint32_t> services, descriptors;
  for (const Write& write : run) {
    const auto& put = std::get<PutMaglev>(write);
    const auto content = maglev_table(put.backends, put.size);
    if (put.may_be_there) {
      const auto present = read_maglev_table(maps, put.service);
      if (!present) return std::unexpected(present.error());
      if (*present == content) continue;
    }
    auto table = maps::ServiceMaps::make_maglev_table(put.size);
    if (!table) return std::unexpected(table.error());
    if (auto filled = fill_array(*table, content); !filled) return filled;
    services.push_back(put.service);
    descriptors.push_back(static_cast<std::uint32_t>(table->fd()));
    tables.push_back(std::move(*table));
  }
  return maps.maglev.update_batch_raw(services.data(), descriptors.data(), services.size());
}

Result<void> carry_out_run(const maps::ServiceMaps& maps, std::span<const Write> run) {
  return std::visit(
      [&](const auto& first) -> Result<void> {
        using Kind = std::decay_t<decltype(first)>;
        if constexpr (std::is_same_v<Kind, PutBackend>) {
          auto written = put_run<Kind, std::uint32_t, backend_value>(
              maps.backends, run, [](const Kind& put) { return put.number; },
              [](const Kind& put) { return put.value; });
          return written ? index_backends(maps, run) : written;
        } else if constexpr (std::is_same_v<Kind, PutSlot>) {
          return put_run<Kind, std::uint32_t, std::uint32_t>(
              maps.slots, run, [](const Kind& put) { return put.index; },
              [](const Kind& put) { return put.backend; });
        } else if constexpr (std::is_same_v<Kind, PutService>) {
          return put_run<Kind, std::uint32_t, service_value>(
              maps.services, run, [](const Kind& put) { return put.number; },
              [](const Kind& put) { return put.value; });
        } else if constexpr (std::is_same_v<Kind, PutAddress>) {
          return put_run<Kind, std::uint32_t, frontend_address>(
              maps.frontends, run, [](const Kind& put) { return put.number; },
              [](const Kind& put) { return put.value; });
        } else if constexpr (std::is_same_v<Kind, PutRange>) {
          return put_run<Kind, source_range_key, std::uint8_t>(
              maps.source_ranges, run, [](const Kind& put) { return put.key; },
              [](const Kind&) { return std::uint8_t{1}; });
        } else if constexpr (std::is_same_v<Kind, PutFrontend>) {
          return put_frontends(maps, run);
        } else if constexpr (std::is_same_v<Kind, PutMaglev>) {
          for (std::size_t i = 0; i < run.size(); i += kTablesAtOnce) {
            auto part = run.subspan(i, std::min(kTablesAtOnce, run.size() - i));
            if (auto written = put_tables(maps, part); !written) return written;
          }
          return {};
        } else {
          for (const Write& write : run) {
            const auto& one = std::get<Kind>(write);
            Result<bool> erased = true;
            if constexpr (std::is_same_v<Kind, EraseRange>) {
              erased = maps.source_ranges.erase(one.key);
            } else if constexpr (std::is_same_v<Kind, EraseFrontend>) {
              erased = one.key.address.v6 ? maps.frontends6.erase(key6(one.key))
                                          : maps.frontends4.erase(key4(one.key));
            } else if constexpr (std::is_same_v<Kind, EraseMaglev>) {
              erased = maps.maglev.erase_raw(&one.service);
            } else {
              if (auto set = maps.service_config.update(0, one.value); !set) return set;
            }
            if (!erased) return std::unexpected(erased.error());
          }
          return {};
        }
      },
      run.front());
}

// The first `limit` elements, or all of them.
template <class Value>
Result<std::vector<Value>> read_array(const bpf::MapHandle& map, std::size_t limit = SIZE_MAX) {
  const auto info = map.info();
  if (!info) return std::unexpected(info.error());
  std::vector<Value> values(info->max_entries);
  limit = std::min<std::size_t>(limit, values.size());
  if (limit == 0) return values;
  std::size_t done = 0;
  const auto read = map.each_batch_raw([&](const void*, const void* raw, std::size_t count) {
    count = std::min(count, values.size() - done);
    std::memcpy(values.data() + done, raw, count * sizeof(Value));
    done += count;
    return done < limit;
  });
  if (!read) return std::unexpected(read.error());
  return values;
}

template <class Key>
Result<void> read_frontends(const bpf::Map<Key, frontend_value>& map, bool v6, Snapshot& snapshot) {
  return map.each([&](const Key& raw, const frontend_value& value) {
    FrontendKey key;
    key.address.v6 = v6;
    std::memcpy(key.address.bytes.data(), &raw.address, sizeof raw.address);
    key.port = __builtin_bswap16(raw.port);
    key.protocol = raw.protocol;
    snapshot.frontends.emplace_back(key, value);
  });
}

// A table is made after the backends of its service, and goes before they do.
Result<void> read_tables(const maps::ServiceMaps& maps, Snapshot& snapshot) {
  std::vector<bool> in_use(snapshot.services.size());
  const auto use = [&](std::uint32_t number) {
    if (number < in_use.size()) in_use[number] = true;
  };
  for (const auto& [key, value] : snapshot.frontends) std::ranges::for_each(value.service, use);
  for (const backend_value& backend : snapshot.backends) {
    if (backend.state != BACKEND_FREE) use(backend.service);
  }
  for (std::uint32_t number = 1; number < in_use.size(); ++number) {
    if (!in_use[number]) continue;
    std::uint32_t id = 0;
    const auto found = maps.maglev.lookup_raw(&number, &id);
    if (!found) return std::unexpected(found.error());
    if (*found) snapshot.tables.push_back(number);
  }
  return {};
}

template <class T>
Result<void> take(Result<std::vector<T>> from, std::vector<T>& to) {
  if (!from) return std::unexpected(from.error());
  to = std::move(*from);
  return {};
}

}  // namespace

Result<std::vector<std::uint32_t>> read_maglev_table(const maps::ServiceMaps& maps,
                                                     std::uint32_t service) {
  std::uint32_t id = 0;
  const auto found = maps.maglev.lookup_raw(&service, &id);
  if (!found) return std::unexpected(found.error());
  if (!*found || id == 0) return std::vector<std::uint32_t>{};
  const auto table = bpf::MapHandle::by_id("maglev_table", id);
  if (!table) return std::unexpected(table.error());
  return read_array<std::uint32_t>(*table);
}

Result<Snapshot> read_snapshot(const maps::ServiceMaps& maps) {
  Snapshot snapshot;
  const auto config = maps.config();
  if (!config) return std::unexpected(config.error());
  snapshot.config = *config;
  // The configuration is the first thing that is ever written: without it the maps are empty, and
  // reading their zeros would take longer than filling them.
  const std::size_t limit = config->maglev_size == 0 ? 0 : SIZE_MAX;
  if (auto read =
          take(read_array<frontend_address>(maps.frontends.handle(), limit), snapshot.addresses);
      !read)
    return std::unexpected(read.error());
  if (auto read = take(read_array<service_value>(maps.services.handle(), limit), snapshot.services);
      !read)
    return std::unexpected(read.error());
  if (auto read = take(read_array<backend_value>(maps.backends.handle(), limit), snapshot.backends);
      !read)
    return std::unexpected(read.error());
  std::size_t slots = 0;
  for (const service_value& service : snapshot.services) {
    if (service.count != 0) slots = std::max<std::size_t>(slots, service.slots + service.count);
  }
  if (auto read = take(read_array<std::uint32_t>(maps.slots.handle(), slots), snapshot.slots);
      !read)
    return std::unexpected(read.error());
  if (limit == 0) return snapshot;
  if (auto read = read_frontends(maps.frontends4, false, snapshot); !read)
    return std::unexpected(read.error());
  if (auto read = read_frontends(maps.frontends6, true, snapshot); !read)
    return std::unexpected(read.error());
  // Tries are not read in batches by old kernels.
  const auto ranges = maps.source_ranges.entries();
  if (!ranges) return std::unexpected(ranges.error());
  for (const auto& [key, value] : *ranges) snapshot.ranges.push_back(key);
  if (auto read = read_tables(maps, snapshot); !read) return std::unexpected(read.error());
  return snapshot;
}

Result<void> carry_out(const maps::ServiceMaps& maps, std::span<const Write> writes) {
  for (std::size_t start = 0; start < writes.size();) {
    std::size_t end = start + 1;
    while (end < writes.size() && writes[end].index() == writes[start].index()) ++end;
    if (auto written = carry_out_run(maps, writes.subspan(start, end - start)); !written)
      return written;
    start = end;
  }
  return {};
}

}  // namespace policyc::service
