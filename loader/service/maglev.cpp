#include "loader/service/maglev.h"

#include <algorithm>
#include <tuple>

namespace policyc::service {
namespace {

constexpr std::uint64_t kOffsetSeed = 0x8f1bbcdc00a5f3e7ULL;
constexpr std::uint64_t kSkipSeed = 0x6ed9eba1dc3b2a95ULL;

std::uint64_t mix(std::uint64_t hash) {
  hash ^= hash >> 31;
  hash *= 0x7fb5d329728ea185ULL;
  hash ^= hash >> 27;
  hash *= 0x81dadef4bc2dd44dULL;
  return hash ^ hash >> 33;
}

std::uint64_t hash_of(const MaglevBackend& backend, std::uint64_t seed) {
  std::uint64_t hash = mix(seed ^ backend.port);
  for (std::size_t i = 0; i < backend.address.bytes.size(); i += 8) {
    std::uint64_t word = 0;
    for (std::size_t byte = 0; byte < 8; ++byte) word = word << 8 | backend.address.bytes[i + byte];
    hash = mix(hash ^ word);
  }
  return hash;
}

// Where a backend wants to be: one place after the other of its own permutation.
struct Wish {
  std::uint32_t place;
  std::uint32_t skip;
  std::uint64_t credit;
};

}  // namespace

bool is_maglev_size(std::uint32_t size) {
  return std::ranges::find(kMaglevSizes, size) != kMaglevSizes.end();
}

std::vector<std::uint32_t> maglev_table(std::span<const MaglevBackend> backends,
                                        std::uint32_t size) {
  std::vector<const MaglevBackend*> sorted;
  std::uint64_t heaviest = 0;
  for (const MaglevBackend& backend : backends) {
    if (backend.weight == 0) continue;
    sorted.push_back(&backend);
    heaviest = std::max<std::uint64_t>(heaviest, backend.weight);
  }
  std::vector<std::uint32_t> table(size, 0);
  if (sorted.empty()) return table;
  std::ranges::sort(sorted, [](const MaglevBackend* a, const MaglevBackend* b) {
    return std::tie(a->address, a->port) < std::tie(b->address, b->port);
  });
  std::vector<Wish> wishes;
  wishes.reserve(sorted.size());
  for (const MaglevBackend* backend : sorted) {
    wishes.push_back({static_cast<std::uint32_t>(hash_of(*backend, kOffsetSeed) % size),
                      static_cast<std::uint32_t>(hash_of(*backend, kSkipSeed) % (size - 1) + 1),
                      0});
  }
  std::vector<bool> taken(size);
  std::uint32_t left = size;
  while (true) {
    for (std::size_t i = 0; i < sorted.size(); ++i) {
      Wish& wish = wishes[i];
      // The heaviest has a turn each round, the others in proportion.
      wish.credit += sorted[i]->weight;
      if (wish.credit < heaviest) continue;
      wish.credit -= heaviest;
      while (taken[wish.place]) wish.place = (wish.place + wish.skip) % size;
      taken[wish.place] = true;
      table[wish.place] = sorted[i]->number;
      if (--left == 0) return table;
    }
  }
}

}  // namespace policyc::service
