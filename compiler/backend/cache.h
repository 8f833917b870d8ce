#pragma once
// A cache of objects on disk, found by the hash of everything that decides their bytes. Knows no
// policy: the caller hands in what decides them above this folder, and gets back the bytes that it
// put there, or nothing. Whatever is wrong with the folder or an entry costs a compilation, never
// an error of one: what is damaged is removed and reads as absent.

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "compiler/backend/backend.h"
#include "compiler/backend/cache_folder.h"
#include "compiler/support/result.h"
#include "compiler/support/sha256.h"

namespace policyc::backend {

// SHA-256, as 64 lower-case hexadecimal digits; made by CacheKeyBuilder alone.
class CacheKey {
 public:
  [[nodiscard]] const std::string& hex() const { return hex_; }
  friend bool operator==(const CacheKey&, const CacheKey&) = default;

 private:
  friend class CacheKeyBuilder;
  explicit CacheKey(std::string hex) : hex_(std::move(hex)) {}
  std::string hex_;
};

// Hashes key material as it comes, without a copy. Parts do not run into each other: ("ab", "c") is
// another key than ("a", "bc").
class CacheKeyBuilder {
 public:
  // With what decides the bytes of an object besides its text; see build_identity().
  [[nodiscard]] static Result<CacheKeyBuilder> start();
  // With nothing: for what does not depend on the compiler.
  CacheKeyBuilder() = default;

  CacheKeyBuilder& add(std::string_view part);
  CacheKeyBuilder& add(std::uint64_t number);
  [[nodiscard]] CacheKey finish() const { return CacheKey(hash_.hex()); }

 private:
  Sha256 hash_;
};

struct CacheStats {
  std::uint64_t hits = 0;
  std::uint64_t misses = 0;   // damaged ones too
  std::uint64_t damaged = 0;  // entries that were there and not as written; removed if possible
  std::uint64_t stored = 0;
  std::uint64_t evicted = 0;  // by this process
  std::string problem;        // the first thing that went wrong with the folder, for one warning
};

// Thread-safe, and safe beside other processes on one folder.
class ObjectCache {
 public:
  // Makes the folder if it is missing; an Error when it cannot be used (open_cache_folder()).
  [[nodiscard]] static Result<ObjectCache> open(const std::string& path, CacheLimits limits = {});
  ObjectCache(ObjectCache&& other) noexcept;
  ObjectCache& operator=(ObjectCache&& other) noexcept;
  ~ObjectCache();

  // The bytes of the last put() with that key, whole, or nothing. A hit counts as a use.
  [[nodiscard]] std::optional<Bytes> get(const CacheKey& key);
  // Stores the bytes under the key in one step. Nothing is stored, and that is no Error, when they
  // are larger than the whole cache may be. The caller may ignore an Error: it is kept in stats().
  Result<void> put(const CacheKey& key, std::span<const std::uint8_t> bytes);

  [[nodiscard]] CacheStats stats() const;
  [[nodiscard]] const std::string& path() const;
  // Counts what is in the folder.
  [[nodiscard]] Result<CacheUsage> usage() const;
  // Removes every entry; returns what was there.
  [[nodiscard]] Result<CacheUsage> clear();

 private:
  struct State;
  explicit ObjectCache(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace policyc::backend
