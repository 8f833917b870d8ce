#pragma once
// A table of connections as it lies in memory (runtime/abi/conntrack_table.h), mapped into this
// process: what user space reads of it, and how it removes what has expired while packets come.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <type_traits>

#include "compiler/support/result.h"
#include "runtime/abi/conntrack_table.h"

namespace policyc::maps {

enum class Found : std::uint8_t { Free, Living, Ended };

template <class Bucket>
class ConnectionTable {
 public:
  using Slot = std::remove_extent_t<decltype(Bucket::slots)>;
  using Key = decltype(Slot::key);

  // Of the descriptor of "conntrack4" or "conntrack6"; it may be closed afterwards. An Error when
  // it is another map or cannot be mapped.
  [[nodiscard]] static Result<ConnectionTable> open(int map);

  [[nodiscard]] std::size_t capacity() const { return buckets_.size() * CT_BUCKET_SLOTS; }
  // Slots that hold a connection, or one that has ended and is not released.
  [[nodiscard]] std::size_t taken() const;

  // What is in slot `number`, less than capacity(), at one moment; nothing if it is free.
  // `value.expires` may be CT_ENDED or CT_BUSY.
  [[nodiscard]] std::optional<Slot> read(std::size_t number) const;

  // Ends the connection in that slot if it expired at `now` (ticks) or before: from here on no
  // packet finds it. Ended also if that was earlier and the slot was not released. Safe while
  // packets come: a connection that lives, or begins again meanwhile, stays.
  [[nodiscard]] Found end(std::size_t number, std::uint64_t now) const;
  // Gives the slot of an ended connection to others. Every program that ran when it was ended has
  // ended since (endpoint::wait_for_running_programs()), and nobody else releases at this time.
  void release(std::size_t number) const;

  // The memory itself.
  [[nodiscard]] std::span<Bucket> buckets() const { return buckets_; }

  ConnectionTable(ConnectionTable&& other) noexcept;
  ConnectionTable& operator=(ConnectionTable&& other) noexcept;
  ConnectionTable(const ConnectionTable&) = delete;
  ConnectionTable& operator=(const ConnectionTable&) = delete;
  ~ConnectionTable();

 private:
  explicit ConnectionTable(std::span<Bucket> buckets) : buckets_(buckets) {}
  [[nodiscard]] std::uint16_t& tag(std::size_t number) const {
    return buckets_[number / CT_BUCKET_SLOTS].head.tags[number % CT_BUCKET_SLOTS];
  }
  [[nodiscard]] Slot& slot(std::size_t number) const {
    return buckets_[number / CT_BUCKET_SLOTS].slots[number % CT_BUCKET_SLOTS];
  }

  std::span<Bucket> buckets_;
};

using ConnectionTable4 = ConnectionTable<ct4_bucket>;
using ConnectionTable6 = ConnectionTable<ct6_bucket>;
extern template class ConnectionTable<ct4_bucket>;
extern template class ConnectionTable<ct6_bucket>;

// The least number of buckets that hold so many connections: a power of two, two or more.
[[nodiscard]] std::uint32_t buckets_for(std::uint32_t connections);

// The element of "ct_table" for tables of so many buckets, powers of two, with new random seeds.
[[nodiscard]] Result<ct_table_value> make_ct_table(std::uint32_t buckets4, std::uint32_t buckets6);

}  // namespace policyc::maps
