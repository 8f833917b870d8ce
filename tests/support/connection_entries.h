#pragma once
// A table of connections by key, for tests that look at entries or put some there. By the same
// rules as the datapath, but without its locks: no packet may add a connection meanwhile.

#include <array>
#include <atomic>
#include <cstring>
#include <optional>
#include <stdexcept>
#include <vector>

#include "loader/maps/connection_table.h"

namespace policyc::test_support {

template <class Bucket>
class ConnectionEntries {
 public:
  using Table = maps::ConnectionTable<Bucket>;
  using Slot = typename Table::Slot;
  using Key = typename Table::Key;

  // The descriptor of the table and the element of "ct_table". Throws std::runtime_error.
  ConnectionEntries(int map, const ct_table_value& parameters) : parameters_(parameters) {
    auto table = Table::open(map);
    if (!table) throw std::runtime_error(table.error().message);
    table_.emplace(std::move(*table));
  }

  [[nodiscard]] const Table& table() const { return *table_; }

  // Entries that have not ended; expired ones are among them.
  [[nodiscard]] std::vector<Slot> all() const {
    std::vector<Slot> result;
    for (std::size_t number = 0; number < table_->capacity(); ++number) {
      const auto slot = table_->read(number);
      if (slot && slot->value.expires != CT_ENDED) result.push_back(*slot);
    }
    return result;
  }

  [[nodiscard]] std::optional<ct_value> lookup(const Key& key) const {
    const Slot* slot = find(key);
    return slot == nullptr ? std::nullopt : std::optional(slot->value);
  }

  // Makes the entry, or changes it. False: there is no room.
  [[nodiscard]] bool put(const Key& key, const ct_value& value) const {
    if (Slot* slot = find(key); slot != nullptr && replace(*slot, value)) return true;
    const Place place = place_of(key);
    if (add(place.home, place.home_tag, key, value)) return true;
    if (place.guest == place.home || !add(place.guest, place.guest_tag, key, value)) return false;
    std::atomic_ref(table_->buckets()[place.home].head.guests).fetch_add(1);
    return true;
  }

  // False when there was none.
  bool erase(const Key& key) const {
    const Place place = place_of(key);
    for (const auto& [bucket, tag] :
         {std::pair(place.home, place.home_tag), std::pair(place.guest, place.guest_tag)}) {
      const auto slot = slot_with(bucket, tag);
      if (!slot || !same(slot_at(*slot).key, key)) continue;
      if (table_->end(*slot, UINT64_MAX) == maps::Found::Ended) table_->release(*slot);
      return true;
    }
    return false;
  }
  void clear() const {
    for (Bucket& bucket : table_->buckets()) bucket.head = {};
  }

 private:
  struct Place {
    std::uint32_t home;
    std::uint32_t guest;
    std::uint16_t home_tag;
    std::uint16_t guest_tag;
  };

  [[nodiscard]] Place place_of(const Key& key) const {
    std::array<std::uint64_t, sizeof(Key) / sizeof(std::uint64_t)> words{};
    std::memcpy(words.data(), &key, sizeof key);
    const std::uint32_t hash = ct_hash(&parameters_, words.data(), static_cast<int>(words.size()));
    const auto last = static_cast<std::uint32_t>(table_->buckets().size()) - 1;
    const std::uint16_t guest_tag = ct_guest_tag(hash);
    return {.home = hash & last,
            .guest = ct_other_bucket(hash & last, guest_tag, last),
            .home_tag = ct_home_tag(hash),
            .guest_tag = guest_tag};
  }

  static bool same(const Key& one, const Key& other) {
    return std::memcmp(&one, &other, sizeof one) == 0;
  }

  [[nodiscard]] Slot& slot_at(std::size_t number) const {
    return table_->buckets()[number / CT_BUCKET_SLOTS].slots[number % CT_BUCKET_SLOTS];
  }

  [[nodiscard]] std::optional<std::size_t> slot_with(std::uint32_t bucket,
                                                     std::uint16_t tag) const {
    for (std::size_t i = 0; i < CT_BUCKET_SLOTS; ++i) {
      if (std::atomic_ref(table_->buckets()[bucket].head.tags[i]).load() == tag)
        return bucket * std::size_t{CT_BUCKET_SLOTS} + i;
    }
    return std::nullopt;
  }

  // One that has not ended.
  [[nodiscard]] Slot* find(const Key& key) const {
    const Place place = place_of(key);
    for (const auto& [bucket, tag] :
         {std::pair(place.home, place.home_tag), std::pair(place.guest, place.guest_tag)}) {
      const auto number = slot_with(bucket, tag);
      if (!number) continue;
      Slot& slot = slot_at(*number);
      if (same(slot.key, key) && std::atomic_ref(slot.value.expires).load() != CT_ENDED)
        return &slot;
    }
    return nullptr;
  }

  static void write(Slot& slot, const ct_value& value) {
    ct_value rest = value;
    rest.expires = slot.value.expires;
    slot.value = rest;
    std::atomic_ref(slot.value.expires).store(value.expires);
  }

  // False when it has just ended.
  static bool replace(Slot& slot, const ct_value& value) {
    const std::atomic_ref expires(slot.value.expires);
    for (auto seen = expires.load(); seen != CT_ENDED; seen = expires.load()) {
      if (!expires.compare_exchange_strong(seen, CT_BUSY)) continue;
      write(slot, value);
      return true;
    }
    return false;
  }

  bool add(std::uint32_t bucket, std::uint16_t tag, const Key& key, const ct_value& value) const {
    const auto number = slot_with(bucket, 0);
    if (!number || slot_with(bucket, tag)) return false;
    Slot& slot = slot_at(*number);
    slot.key = key;
    write(slot, value);
    std::atomic_ref(table_->buckets()[bucket].head.tags[*number % CT_BUCKET_SLOTS]).store(tag);
    return true;
  }

  ct_table_value parameters_;
  std::optional<Table> table_;
};

using ConnectionEntries4 = ConnectionEntries<ct4_bucket>;
using ConnectionEntries6 = ConnectionEntries<ct6_bucket>;

}  // namespace policyc::test_support
