#include "tests/reference/ip_cache.h"

namespace policyc::reference {
namespace {

bool bit(const Address& address, std::size_t index) {
  return (address.bytes[index / 8] >> (7 - index % 8) & 1) != 0;
}

bool covers(const Address& prefix, std::size_t length, const Address& address) {
  if (prefix.family != address.family) return false;
  for (std::size_t i = 0; i < length; ++i) {
    if (bit(prefix, i) != bit(address, i)) return false;
  }
  return true;
}

}  // namespace

void IpCache::set_prefix(const Address& address, std::size_t length, std::uint32_t peer_class) {
  for (Prefix& known : prefixes_) {
    if (known.length == length && covers(known.address, length, address)) {
      known.peer_class = peer_class;
      return;
    }
  }
  prefixes_.push_back({.address = address, .length = length, .peer_class = peer_class});
}

std::uint32_t IpCache::class_of(const Address& address, bool prefixes, std::uint32_t world) const {
  if (const auto known = exact_.find(address); known != exact_.end()) return known->second;
  const Prefix* longest = nullptr;
  for (const Prefix& prefix : prefixes_) {
    if (!prefixes || !covers(prefix.address, prefix.length, address)) continue;
    if (longest == nullptr || prefix.length > longest->length) longest = &prefix;
  }
  return longest == nullptr ? world : longest->peer_class;
}

}  // namespace policyc::reference
