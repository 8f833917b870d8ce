#include "compiler/lint/port_cost.h"

#include <bit>

namespace policyc::lint {

unsigned port_prefixes(std::uint16_t first, std::uint16_t last) {
  unsigned count = 0;
  std::uint32_t at = first;
  while (at <= last) {
    // The largest aligned block that starts here and does not go beyond the end.
    std::uint32_t size = at == 0 ? 0x10000U : std::uint32_t{1} << std::countr_zero(at);
    while (at + size - 1 > last) size >>= 1U;
    at += size;
    ++count;
  }
  return count;
}

std::pair<std::uint16_t, std::uint16_t> enclosing_block(std::uint16_t first, std::uint16_t last) {
  std::uint32_t size = 1;
  while ((first & ~(size - 1)) + size - 1 < last) size <<= 1U;
  const std::uint32_t begin = first & ~(size - 1);
  return {static_cast<std::uint16_t>(begin), static_cast<std::uint16_t>(begin + size - 1)};
}

}  // namespace policyc::lint
