#include "loader/endpoint/tables.h"

#include <algorithm>
#include <optional>
#include <unordered_set>
#include <utility>

#include "loader/bpf/bpffs.h"
#include "loader/maps/connection_table.h"
#include "loader/maps/service_maps.h"

namespace policyc::endpoint {
namespace {

// Adds one map after the other; the first error ends it.
class Tables {
 public:
  void add(const bpf::MapHandle& map, const Result<std::size_t>& entries) {
    if (error_) return;
    if (!entries) {
      error_ = entries.error();
      return;
    }
    const auto info = map.info();
    if (info) {
      tables_.push_back({map.name(), *entries, info->max_entries});
    } else {
      error_ = info.error();
    }
  }
  void add_counted(const bpf::MapHandle& map) { add(map, map.count()); }
  // Tries cannot be counted in batches on every kernel.
  template <class Map>
  void add_walked(const Map& map) {
    const auto entries = map.entries();
    add(map.handle(), entries ? Result<std::size_t>(entries->size())
                              : Result<std::size_t>(std::unexpected(entries.error())));
  }
  template <class Table>
  void add_connections(const Result<Table>& table, const bpf::MapHandle& map) {
    if (error_) return;
    if (table) {
      tables_.push_back({map.name(), table->taken(), table->capacity()});
    } else {
      error_ = table.error();
    }
  }
  // Elements of a map for which `is_taken` holds.
  template <class Key, class Value, class Predicate>
  void add_if(const bpf::Map<Key, Value>& map, Predicate is_taken) {
    std::size_t count = 0;
    const auto read = map.each(
        [&](const Key& key, const Value& value) { count += is_taken(key, value) ? 1U : 0U; });
    add(map.handle(),
        read ? Result<std::size_t>(count) : Result<std::size_t>(std::unexpected(read.error())));
  }
  [[nodiscard]] Result<std::vector<TableStatus>> take() {
    if (error_) return std::unexpected(*error_);
    return std::move(tables_);
  }

 private:
  std::vector<TableStatus> tables_;
  std::optional<Error> error_;
};

void add_endpoints(Tables& tables, const maps::EndpointTable& endpoints) {
  const auto entries = endpoints.entries();
  const auto beyond = endpoints.beyond().count();
  if (!entries || !beyond) {
    tables.add(endpoints.array(), std::unexpected(entries ? beyond.error() : entries.error()));
    return;
  }
  tables.add(endpoints.array(), entries->size() - std::min(*beyond, entries->size()));
  tables.add(endpoints.beyond(), beyond);
}

// A service's number is taken while a frontend leads to it.
Result<std::size_t> count_services(const maps::ServiceMaps& maps) {
  std::unordered_set<std::uint32_t> numbers;
  const auto note = [&numbers](const auto&, const frontend_value& value) {
    for (const std::uint32_t number : value.service) {
      if (number != 0) numbers.insert(number);
    }
  };
  if (auto read = maps.frontends4.each(note); !read) return std::unexpected(read.error());
  if (auto read = maps.frontends6.each(note); !read) return std::unexpected(read.error());
  return numbers.size();
}

void add_services(Tables& tables, const maps::ServiceMaps& maps) {
  tables.add_counted(maps.frontends4.handle());
  tables.add_counted(maps.frontends6.handle());
  tables.add(maps.services.handle(), count_services(maps));
  tables.add_if(maps.backends, [](std::uint32_t, const backend_value& backend) {
    return backend.state != BACKEND_FREE;
  });
  tables.add_walked(maps.source_ranges);
}

}  // namespace

Result<std::vector<TableStatus>> tables_of(const Paths& paths, const maps::NodeMaps& maps) {
  Tables tables;
  for (const bpf::MapHandle* map : {&maps.ipcache4.handle(), &maps.ipcache6.handle()})
    tables.add_counted(*map);
  tables.add_walked(maps.ipcache4_prefix);
  tables.add_walked(maps.ipcache6_prefix);
  const bpf::MapHandle& map4 = maps.conntrack4.handle();
  const bpf::MapHandle& map6 = maps.conntrack6.handle();
  tables.add_connections(maps::ConnectionTable4::open(map4.fd()), map4);
  tables.add_connections(maps::ConnectionTable6::open(map6.fd()), map6);
  for (const bpf::MapHandle* map :
       {&maps.conntrack4_overflow.handle(), &maps.conntrack6_overflow.handle()})
    tables.add_counted(*map);
  add_endpoints(tables, maps.endpoints);
  // Those that are half made, by a process that was killed perhaps, are nobody's yet.
  if (const auto services = maps::ServiceMaps::open(paths.maps())) add_services(tables, *services);
  // Of loader/nat, which is above: hashes, whatever their entries are.
  for (const char* name : {"nat4", "nat6"}) {
    if (auto map = bpf::open_pinned(paths.maps() / name))
      tables.add_counted(bpf::MapHandle(name, std::move(*map)));
  }
  return tables.take();
}

Result<std::vector<TableStatus>> read_tables(const Paths& paths) {
  if (!maps::NodeMaps::exist(paths.maps())) return std::vector<TableStatus>{};
  const auto maps = maps::NodeMaps::open(paths.maps());
  if (!maps) return std::unexpected(maps.error());
  return tables_of(paths, *maps);
}

}  // namespace policyc::endpoint
