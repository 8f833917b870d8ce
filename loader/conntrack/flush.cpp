#include "loader/conntrack/flush.h"

#include <vector>

#include "loader/conntrack/collect_program.h"
#include "loader/conntrack/collector.h"
#include "loader/maps/connection_table.h"
#include "loader/maps/node_maps.h"

namespace policyc::conntrack {
namespace {

using Wanted = std::function<bool(const Connection&)>;

// A packet may prolong what is to end at the same moment: it is looked at again so often.
constexpr int kTries = 100;

// Whether the connection in that slot is wanted, and has ended by this call.
template <class Bucket>
bool end_wanted(const maps::ConnectionTable<Bucket>& table, std::size_t number, std::uint64_t now,
                const Wanted& which) {
  for (int tries = 0; tries < kTries; ++tries) {
    const auto slot = table.read(number);
    if (!slot) return false;
    if (slot->value.expires == CT_BUSY) continue;
    const Connection connection = decode(slot->key, slot->value, now);
    if (!connection.live() || !which(connection)) return false;
    if (table.end(number, slot->value.expires) == maps::Found::Ended) return true;
  }
  return false;
}

template <class Bucket>
std::vector<std::size_t> end_all(const maps::ConnectionTable<Bucket>& table, std::uint64_t now,
                                 const Wanted& which) {
  std::vector<std::size_t> ended;
  for (std::size_t number = 0; number < table.capacity(); ++number) {
    if (end_wanted(table, number, now, which)) ended.push_back(number);
  }
  return ended;
}

template <class Key>
Result<std::size_t> erase_all(const bpf::Map<Key, ct_value>& overflow, std::uint64_t now,
                              const Wanted& which) {
  std::vector<Key> keys;
  const auto read = overflow.each([&](const Key& key, const ct_value& value) {
    const Connection connection = decode(key, value, now);
    if (connection.live() && which(connection)) keys.push_back(key);
  });
  if (!read) return std::unexpected(read.error());
  for (const Key& key : keys) {
    if (const auto erased = overflow.erase(key); !erased) return std::unexpected(erased.error());
  }
  return keys.size();
}

}  // namespace

Result<std::size_t> flush(const endpoint::Paths& paths, const Wanted& which) {
  const auto maps = maps::NodeMaps::open(paths.maps());
  if (!maps) return std::unexpected(maps.error());
  const auto program = CollectProgram::open(paths);
  if (!program) return std::unexpected(program.error());
  const auto table4 = maps::ConnectionTable4::open(maps->conntrack4.fd());
  if (!table4) return std::unexpected(table4.error());
  const auto table6 = maps::ConnectionTable6::open(maps->conntrack6.fd());
  if (!table6) return std::unexpected(table6.error());
  const auto locked = lock_tables(paths);
  if (!locked) return std::unexpected(locked.error());
  const auto now = program->now();
  if (!now) return std::unexpected(now.error());

  const auto ended4 = end_all(*table4, *now, which);
  const auto ended6 = end_all(*table6, *now, which);
  if (!ended4.empty() || !ended6.empty()) wait_for_writers();
  for (const std::size_t number : ended4) table4->release(number);
  for (const std::size_t number : ended6) table6->release(number);
  const auto beyond4 = erase_all(maps->conntrack4_overflow, *now, which);
  if (!beyond4) return std::unexpected(beyond4.error());
  const auto beyond6 = erase_all(maps->conntrack6_overflow, *now, which);
  if (!beyond6) return std::unexpected(beyond6.error());
  return ended4.size() + ended6.size() + *beyond4 + *beyond6;
}

}  // namespace policyc::conntrack
