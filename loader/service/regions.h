#pragma once
// Room in "slots": regions of a power of two, aligned to their size (a buddy allocator). A region
// that was given back is used again only after release().

#include <cstdint>
#include <optional>
#include <set>
#include <vector>

namespace policyc::service {

struct Region {
  std::uint32_t start = 0;
  std::uint32_t capacity = 0;  // 0: none
  friend bool operator==(const Region&, const Region&) = default;
};

class Regions {
 public:
  // All of `size` slots is free but for `used`. Regions of `used` that lie in each other, or beyond
  // the end, are not told apart; they stay as they are until given back.
  explicit Regions(std::uint32_t size = 0, std::vector<Region> used = {});

  // For `count` slots at least, count > 0; nothing when there is no room.
  [[nodiscard]] std::optional<Region> take(std::uint32_t count);
  void give_back(const Region& region) { waiting_.push_back(region); }
  void release();
  [[nodiscard]] bool any_waiting() const { return !waiting_.empty(); }
  // Slots that are free now.
  [[nodiscard]] std::uint32_t available() const;

 private:
  void free_range(std::uint32_t start, std::uint32_t end);
  void insert(Region region);

  std::uint32_t size_;
  std::vector<std::set<std::uint32_t>> free_;  // starts, by log2 of the capacity
  std::vector<Region> waiting_;
};

// The smallest power of two that holds `count`.
[[nodiscard]] std::uint32_t capacity_for(std::uint32_t count);

}  // namespace policyc::service
