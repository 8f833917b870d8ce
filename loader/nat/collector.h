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
};

// One run at a time on a node: the program answers in a map that all runs share.
class Collector {
 public:
  // An Error when no device was ever attached.
  [[nodiscard]] static Result<Collector> open(const endpoint::Paths& paths);

  [[nodiscard]] const Tables& tables() const { return tables_; }
  // In ticks.
  [[nodiscard]] Result<std::uint64_t> now() const;
  // Removes what has been expired for a second.
  [[nodiscard]] Result<CollectReport> pass() const;

 private:
  Collector(Tables tables, bpf::Fd program)
      : tables_(std::move(tables)), program_(std::move(program)) {}
  template <class Key, class Value>
  [[nodiscard]] Result<void> collect(const bpf::Map<Key, Value>& table,
                                     CollectReport& report) const;
  [[nodiscard]] Result<nat_collected_value> run(const nat_collect_head& head, const void* keys,
                                                std::size_t bytes) const;

  Tables tables_;
  bpf::Fd program_;
};

}  // namespace policyc::nat
