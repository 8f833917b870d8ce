#pragma once
// Removing expired connections: one pass over the connection tables of a node.
//
// A pass looks at the tables in memory, some thousands of entries at a time, ends those that have
// expired (maps::ConnectionTable::end()), waits until no program runs that could still write to one
// of them, and gives their slots back. A connection that lives, or begins again meanwhile, is never
// removed.

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include "compiler/support/result.h"
#include "loader/conntrack/collect_program.h"
#include "loader/maps/connection_table.h"
#include "loader/maps/node_maps.h"

namespace policyc::conntrack {

struct TableReport {
  std::string name;
  std::size_t capacity = 0;  // entries
  std::size_t scanned = 0;   // entries that the pass saw
  std::size_t live = 0;      // of these
  std::size_t expired = 0;   // of these
  std::size_t removed = 0;   // of the expired ones; none of an overflow table, which makes room

  // Share of the table that is taken after the pass, 0 to 1.
  [[nodiscard]] double fill() const;
};

struct PassReport {
  std::array<TableReport, 2> tables;    // conntrack4, conntrack6
  std::array<TableReport, 2> overflow;  // theirs; not looked at (scanned 0) unless `overflowed`
  std::array<std::uint64_t, 2> full{};  // connections that found the table full, ever
  bool overflowed = false;              // packets asked the overflow tables when the pass began
  bool overflow_ended = false;          // and do so no longer
  std::chrono::nanoseconds elapsed{};
  std::chrono::nanoseconds cpu{};              // of the calling thread, kernel included
  std::chrono::nanoseconds longest_stretch{};  // of it, without giving way to others

  [[nodiscard]] double fill() const;           // of the fuller table
  [[nodiscard]] double removed_share() const;  // of what both tables had, 0 to 1
};

// Who removes connections of a node does so alone: waits for another one. Ends with the descriptor.
[[nodiscard]] Result<bpf::Fd> lock_tables(const endpoint::Paths& paths);

// Returns when every program has ended that may still write to a connection which was ended before.
void wait_for_writers();

class Collector {
 public:
  // Opens what the loader pinned and maps the tables into memory, which takes some 20 ms for two
  // million entries. An Error when nothing is loaded.
  [[nodiscard]] static Result<Collector> open(const endpoint::Paths& paths);

  // Waits while another process makes a pass. After each few thousand entries the thread sleeps for
  // a moment, so it holds no core for long. An Error leaves what is not yet removed in place.
  [[nodiscard]] Result<PassReport> pass() const;

 private:
  Collector(endpoint::Paths paths, maps::NodeMaps maps, CollectProgram program,
            maps::ConnectionTable4 table4, maps::ConnectionTable6 table6)
      : paths_(std::move(paths)),
        maps_(std::move(maps)),
        program_(std::move(program)),
        table4_(std::move(table4)),
        table6_(std::move(table6)) {}

  endpoint::Paths paths_;
  maps::NodeMaps maps_;
  CollectProgram program_;
  maps::ConnectionTable4 table4_;
  maps::ConnectionTable6 table6_;
};

}  // namespace policyc::conntrack
