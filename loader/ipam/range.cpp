#include "loader/ipam/range.h"

#include <algorithm>

namespace policyc::ipam {
namespace {

std::size_t size_of(const IpAddress& address) { return address.v6 ? 16 : 4; }

// Nothing after the last address of the family.
std::optional<IpAddress> successor(IpAddress address) {
  for (std::size_t i = size_of(address); i > 0; --i) {
    if (++address.bytes.at(i - 1) != 0) return address;
  }
  return std::nullopt;
}

std::optional<IpAddress> predecessor(IpAddress address) {
  for (std::size_t i = size_of(address); i > 0; --i) {
    if (address.bytes.at(i - 1)-- != 0) return address;
  }
  return std::nullopt;
}

IpAddress end_of(const IpPrefix& prefix) {
  IpAddress address = prefix.address;
  for (int bit = prefix.length; bit < address.bit_length(); ++bit) {
    auto& byte = address.bytes.at(static_cast<std::size_t>(bit / 8));
    byte = static_cast<std::uint8_t>(byte | (0x80U >> static_cast<unsigned>(bit % 8)));
  }
  return address;
}

IpAddress first_of(const Range& range) {
  if (range.first) return *range.first;
  const bool whole = range.subnet.length >= range.subnet.address.bit_length() - 1;
  return whole ? range.subnet.address : *successor(range.subnet.address);
}

IpAddress last_of(const Range& range) {
  if (range.last) return *range.last;
  const IpAddress end = end_of(range.subnet);
  return range.subnet.address.v6 || range.subnet.length >= 31 ? end : *predecessor(end);
}

bool is_reserved(const Range& range, const IpAddress& address) {
  if (address == range.gateway) return true;
  if (range.subnet.length >= address.bit_length() - 1) return false;
  return address == range.subnet.address || (!address.v6 && address == end_of(range.subnet));
}

const IpPrefix* exclusion_of(const Range& range, const IpAddress& address) {
  for (const IpPrefix& prefix : range.excluded) {
    if (prefix.contains(address)) return &prefix;
  }
  return nullptr;
}

std::optional<IpAddress> next_between(const Range& range, IpAddress candidate, const IpAddress& end,
                                      const std::function<bool(const IpAddress&)>& is_free) {
  while (candidate <= end) {
    std::optional<IpAddress> next;
    if (const IpPrefix* excluded = exclusion_of(range, candidate)) {
      next = successor(end_of(*excluded));
    } else {
      if (!is_reserved(range, candidate) && is_free(candidate)) return candidate;
      next = successor(candidate);
    }
    if (!next) return std::nullopt;
    candidate = *next;
  }
  return std::nullopt;
}

Result<void> validate_range(const Range& range) {
  const std::string name = "range " + range.subnet.to_string();
  const auto inside = [&](const char* what,
                          const std::optional<IpAddress>& address) -> Result<void> {
    if (!address || range.subnet.contains(*address)) return {};
    return fail(name + ": " + what + " " + address->to_string() + " is not in it");
  };
  if (auto checked = inside("first address", range.first); !checked) return checked;
  if (auto checked = inside("last address", range.last); !checked) return checked;
  if (range.gateway && range.gateway->v6 != range.subnet.address.v6)
    return fail(name + ": gateway " + range.gateway->to_string() + " is of the other family");
  if (first_of(range) > last_of(range)) {
    return fail(name + ": first address " + first_of(range).to_string() + " is after the last, " +
                last_of(range).to_string());
  }
  for (const IpPrefix& prefix : range.excluded) {
    if (!range.subnet.contains(prefix))
      return fail(name + ": excluded " + prefix.to_string() + " is not in it");
  }
  return {};
}

}  // namespace

Result<void> validate(const std::vector<RangeSet>& sets) {
  std::vector<const Range*> all;
  std::vector<bool> families;
  for (const RangeSet& set : sets) {
    if (set.empty()) return fail("a set of ranges is empty");
    const bool v6 = set.front().subnet.address.v6;
    if (std::find(families.begin(), families.end(), v6) != families.end())
      return fail("two sets of ranges have IPv" + std::string(v6 ? "6" : "4") +
                  " addresses; an interface gets one of each family");
    families.push_back(v6);
    for (const Range& range : set) {
      if (range.subnet.address.v6 != v6) return fail("a set of ranges has both IPv4 and IPv6");
      if (auto checked = validate_range(range); !checked) return checked;
      for (const Range* other : all) {
        if (first_of(*other) <= last_of(range) && first_of(range) <= last_of(*other)) {
          return fail("ranges " + other->subnet.to_string() + " and " + range.subnet.to_string() +
                      " overlap");
        }
      }
      all.push_back(&range);
    }
  }
  if (sets.empty()) return fail("there are no ranges");
  return {};
}

bool may_give(const Range& range, const IpAddress& address) {
  return address.v6 == range.subnet.address.v6 && first_of(range) <= address &&
         address <= last_of(range) && !is_reserved(range, address) &&
         exclusion_of(range, address) == nullptr;
}

std::optional<IpAddress> next_free(const Range& range, const std::optional<IpAddress>& after,
                                   const std::function<bool(const IpAddress&)>& is_free) {
  const IpAddress first = first_of(range), last = last_of(range);
  const bool inside = after && after->v6 == first.v6 && first <= *after && *after <= last;
  if (!inside) return next_between(range, first, last, is_free);
  if (*after != last) {
    if (auto found = next_between(range, *successor(*after), last, is_free)) return found;
  }
  return next_between(range, first, *after, is_free);
}

}  // namespace policyc::ipam
