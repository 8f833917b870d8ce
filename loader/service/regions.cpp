#include "loader/service/regions.h"

#include <algorithm>
#include <bit>

namespace policyc::service {
namespace {

constexpr std::size_t kOrders = 32;

std::size_t order_of(std::uint32_t capacity) {
  return static_cast<std::size_t>(std::countr_zero(capacity));
}

}  // namespace

std::uint32_t capacity_for(std::uint32_t count) { return std::bit_ceil(count); }

Regions::Regions(std::uint32_t size, std::vector<Region> used) : size_(size), free_(kOrders) {
  std::ranges::sort(used, {}, &Region::start);
  std::uint32_t position = 0;
  for (const Region& region : used) {
    if (region.start >= size) break;
    if (region.start > position) free_range(position, region.start);
    position = std::max(position, region.start + region.capacity);
  }
  if (position < size) free_range(position, size);
}

std::optional<Region> Regions::take(std::uint32_t count) {
  const std::uint32_t capacity = capacity_for(count);
  std::size_t order = order_of(capacity);
  while (order < kOrders && free_[order].empty()) ++order;
  if (order == kOrders) return std::nullopt;
  const std::uint32_t start = *free_[order].begin();
  free_[order].erase(free_[order].begin());
  // The upper halves of what is too large stay free.
  while (order > order_of(capacity)) {
    --order;
    free_[order].insert(start + (1U << order));
  }
  return Region{start, capacity};
}

void Regions::release() {
  for (const Region& region : waiting_) insert(region);
  waiting_.clear();
}

std::uint32_t Regions::available() const {
  std::uint32_t sum = 0;
  for (std::size_t order = 0; order < kOrders; ++order)
    sum += static_cast<std::uint32_t>(free_[order].size()) << order;
  return sum;
}

void Regions::free_range(std::uint32_t start, std::uint32_t end) {
  while (start < end) {
    const std::uint32_t by_alignment = start == 0 ? 1U << 31 : start & (~start + 1);
    const std::uint32_t capacity = std::min(by_alignment, std::bit_floor(end - start));
    free_[order_of(capacity)].insert(start);
    start += capacity;
  }
}

void Regions::insert(Region region) {
  std::size_t order = order_of(region.capacity);
  while (order + 1 < kOrders) {
    const std::uint32_t buddy = region.start ^ (1U << order);
    const auto found = free_[order].find(buddy);
    if (found == free_[order].end()) break;
    free_[order].erase(found);
    region.start = std::min(region.start, buddy);
    ++order;
  }
  free_[order].insert(region.start);
}

}  // namespace policyc::service
