#pragma once
// Maps with the types of their keys and values. MapHandle holds what does not depend on the types.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "compiler/support/result.h"
#include "loader/bpf/fd.h"
#include "loader/bpf/info.h"

namespace policyc::bpf {

// How a map is made, and what one that is found must be.
struct MapSpec {
  std::string name;
  std::uint32_t type = 0;  // enum bpf_map_type
  std::uint32_t key_size = 0;
  std::uint32_t value_size = 0;
  std::uint32_t max_entries = 0;
  std::uint32_t flags = 0;
  int inner_map = -1;  // descriptor of a map like those that a map of maps holds
};

class MapHandle {
 public:
  MapHandle() = default;
  MapHandle(std::string name, Fd fd) : name_(std::move(name)), fd_(std::move(fd)) {}

  [[nodiscard]] static Result<MapHandle> create(const MapSpec& spec);
  // Opens the pin and checks type, key and value size; the number of entries may differ.
  [[nodiscard]] static Result<MapHandle> open(const MapSpec& spec,
                                              const std::filesystem::path& path);
  // Opens the pin, or makes and pins the map.
  [[nodiscard]] static Result<MapHandle> open_or_create(const MapSpec& spec,
                                                        const std::filesystem::path& path);

  // A map that has no pin, such as one in a map of maps.
  [[nodiscard]] static Result<MapHandle> by_id(std::string name, std::uint32_t id);

  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] Result<MapInfo> info() const { return map_info(fd_.get()); }
  // Entries in it, counted in batches; an approximation when others write at the same time. Hash
  // kinds only.
  [[nodiscard]] Result<std::size_t> count() const;

  // Every entry, some thousands at a time: keys and values lie one after the other, `count` of
  // them. `visit` returns false to stop. Hashes and arrays, not per CPU. Entries that others write
  // at the same time may be missed or seen twice.
  using BatchVisitor = std::function<bool(const void* keys, const void* values, std::size_t count)>;
  [[nodiscard]] Result<void> each_batch_raw(const BatchVisitor& visit) const;

  // False when the key is absent.
  [[nodiscard]] Result<bool> lookup_raw(const void* key, void* value) const;
  [[nodiscard]] Result<void> update_raw(const void* key, const void* value,
                                        std::uint64_t flags) const;
  [[nodiscard]] Result<bool> erase_raw(const void* key) const;
  [[nodiscard]] Result<void> update_batch_raw(const void* keys, const void* values,
                                              std::size_t count) const;
  // False when `key` was the last one; a null key asks for the first.
  [[nodiscard]] Result<bool> next_key_raw(const void* key, void* next) const;

 private:
  std::string name_;
  Fd fd_;
};

// How many values a per-CPU map holds for one key.
[[nodiscard]] Result<std::size_t> possible_cpus();

template <class Key, class Value>
class Map {
  static_assert(std::is_trivially_copyable_v<Key> && std::is_trivially_copyable_v<Value>);

 public:
  Map() = default;
  explicit Map(MapHandle handle) : handle_(std::move(handle)) {}

  [[nodiscard]] const MapHandle& handle() const { return handle_; }
  [[nodiscard]] int fd() const { return handle_.fd(); }

  [[nodiscard]] Result<std::optional<Value>> lookup(const Key& key) const {
    Value value{};
    const auto found = handle_.lookup_raw(&key, &value);
    if (!found) return std::unexpected(found.error());
    return *found ? std::optional<Value>(value) : std::nullopt;
  }
  [[nodiscard]] Result<void> update(const Key& key, const Value& value,
                                    std::uint64_t flags = 0) const {
    return handle_.update_raw(&key, &value, flags);
  }
  // False when the key was absent.
  [[nodiscard]] Result<bool> erase(const Key& key) const { return handle_.erase_raw(&key); }
  [[nodiscard]] Result<void> update_batch(std::span<const Key> keys,
                                          std::span<const Value> values) const {
    if (keys.size() != values.size()) return fail("as many values as keys are needed");
    return handle_.update_batch_raw(keys.data(), values.data(), keys.size());
  }
  // MapHandle::each_batch_raw() of single entries.
  [[nodiscard]] Result<void> each(
      const std::function<void(const Key&, const Value&)>& visit) const {
    return handle_.each_batch_raw([&](const void* keys, const void* values, std::size_t count) {
      for (std::size_t i = 0; i < count; ++i) {
        Key key;
        Value value;
        std::memcpy(&key, static_cast<const std::byte*>(keys) + i * sizeof key, sizeof key);
        std::memcpy(&value, static_cast<const std::byte*>(values) + i * sizeof value, sizeof value);
        visit(key, value);
      }
      return true;
    });
  }
  // Every entry, in the kernel's order. The caller is the only one who deletes, or it may see some
  // twice.
  [[nodiscard]] Result<std::vector<std::pair<Key, Value>>> entries() const {
    std::vector<std::pair<Key, Value>> result;
    Key key{};
    bool first = true;
    while (true) {
      Key next{};
      const auto more = handle_.next_key_raw(first ? nullptr : &key, &next);
      if (!more) return std::unexpected(more.error());
      if (!*more) return result;
      first = false;
      key = next;
      const auto value = lookup(key);
      if (!value) return std::unexpected(value.error());
      if (*value) result.emplace_back(key, **value);
    }
  }

 private:
  MapHandle handle_;
};

// Per-CPU maps: one value for each possible CPU, 8-byte aligned by the kernel.
template <class Key, class Value>
class PerCpuMap {
  static_assert(std::is_trivially_copyable_v<Key> && std::is_trivially_copyable_v<Value>);

 public:
  PerCpuMap() = default;
  explicit PerCpuMap(MapHandle handle) : handle_(std::move(handle)) {}
  [[nodiscard]] const MapHandle& handle() const { return handle_; }

  // Empty when the key is absent.
  [[nodiscard]] Result<std::vector<Value>> lookup(const Key& key) const {
    const auto cpus = possible_cpus();
    if (!cpus) return std::unexpected(cpus.error());
    std::vector<std::byte> raw(*cpus * kStride);
    const auto found = handle_.lookup_raw(&key, raw.data());
    if (!found) return std::unexpected(found.error());
    std::vector<Value> values;
    for (std::size_t cpu = 0; *found && cpu < *cpus; ++cpu) {
      Value value{};
      std::memcpy(&value, raw.data() + cpu * kStride, sizeof value);
      values.push_back(value);
    }
    return values;
  }
  [[nodiscard]] Result<std::vector<Key>> keys() const {
    std::vector<Key> result;
    Key key{};
    while (true) {
      Key next{};
      const auto more = handle_.next_key_raw(result.empty() ? nullptr : &key, &next);
      if (!more) return std::unexpected(more.error());
      if (!*more) return result;
      key = next;
      result.push_back(key);
    }
  }

 private:
  static constexpr std::size_t kStride = (sizeof(Value) + 7) / 8 * 8;
  MapHandle handle_;
};

}  // namespace policyc::bpf
