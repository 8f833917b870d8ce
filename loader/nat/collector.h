#pragma once
// Removing expired translated connections, and the kernel's clock that they are counted by.

#include <cstddef>
#include <cstdint>
#include <span>

#include "compiler/support/result.h"
#include "loader/endpoint/paths.h"
#include "loader/nat/devices.h"
#include "loader/nat/tables.h"

namespace policyc::nat {

struct CollectReport {
  std::size_t scanned = 0;  // elements, of both families
  std::size_t removed = 0;
  std::size_t ended =
      0;  // living ones without a reply, of a table that is nearly full; removed by the next pass
  double fill = 0;  // share of the fuller table that is taken after the pass, 0 to 1
};

// One run at a time on a node: the program answers in a map that all runs share.
class Collector {
 public:
  // An Error when no device was ever attached.
  [[nodiscard]] static Result<Collector> open(const endpoint::Paths& paths);

  [[nodiscard]] const Tables& tables() const { return tables_; }
  // In ticks.
  [[nodiscard]] Result<std::uint64_t> now() const;
  // Removes what has been expired for a second. In a table that is three quarters full, connections
  // that nobody has answered for five seconds end: a flood of first packets must not keep others
  // out for a minute.
  [[nodiscard]] Result<CollectReport> pass() const;

 private:
  Collector(Tables tables, bpf::Fd program)
      : tables_(std::move(tables)), program_(std::move(program)) {}
  template <class Key, class Value>
  [[nodiscard]] Result<void> collect(const bpf::Map<Key, Value>& table,
                                     CollectReport& report) const;
  // Gives nat_collect the keys of those elements that are `wanted`; gives how many there were in
  // all.
  template <class Key, class Value, class Wanted>
  [[nodiscard]] Result<std::size_t> walk(const bpf::Map<Key, Value>& table,
                                         std::uint32_t unanswered, const Wanted& wanted,
                                         CollectReport& report) const;
  [[nodiscard]] Result<nat_collected_value> run(const nat_collect_head& head, const void* keys,
                                                std::size_t bytes) const;

  Tables tables_;
  bpf::Fd program_;
};

}  // namespace policyc::nat
