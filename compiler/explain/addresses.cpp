#include "compiler/explain/addresses.h"

#include <algorithm>
#include <array>

namespace policyc::explain {
namespace {

// Those of documentation read best; they are used where nobody else has them.
constexpr std::array<std::string_view, 4> kReadable = {"198.51.100.1", "203.0.113.1", "192.0.2.1",
                                                       "2001:db8::1"};

bool inside_longer(const IpAddress& address, const IpPrefix& outer,
                   const std::vector<IpPrefix>& inner) {
  return std::any_of(inner.begin(), inner.end(), [&](const IpPrefix& prefix) {
    return prefix.length > outer.length && prefix.contains(address);
  });
}

IpPrefix half(const IpPrefix& prefix, bool upper) {
  IpPrefix out{prefix.address, prefix.length + 1};
  if (upper) {
    const auto bit = static_cast<unsigned>(prefix.length);
    out.address.bytes[bit / 8] =
        static_cast<std::uint8_t>(out.address.bytes[bit / 8] | (0x80U >> (bit % 8)));
  }
  return out;
}

// `inner`: prefixes inside `prefix`, not longer than it only where equal.
std::optional<IpAddress> search(const IpPrefix& prefix, std::vector<IpPrefix> inner) {
  if (inner.empty()) return prefix.address;
  if (std::find(inner.begin(), inner.end(), prefix) != inner.end()) return std::nullopt;
  for (const bool upper : {false, true}) {
    const IpPrefix part = half(prefix, upper);
    std::vector<IpPrefix> rest;
    std::copy_if(inner.begin(), inner.end(), std::back_inserter(rest),
                 [&part](const IpPrefix& known) { return part.contains(known); });
    if (const auto found = search(part, std::move(rest))) return found;
  }
  return std::nullopt;
}

std::vector<IpPrefix> inside(const IpPrefix& prefix, const std::vector<IpPrefix>& known) {
  std::vector<IpPrefix> inner;
  std::copy_if(known.begin(), known.end(), std::back_inserter(inner), [&](const IpPrefix& other) {
    return other.length > prefix.length && prefix.contains(other);
  });
  return inner;
}

}  // namespace

std::optional<IpAddress> free_address(const IpPrefix& prefix, const std::vector<IpPrefix>& known) {
  std::vector<IpPrefix> inner = inside(prefix, known);
  for (const std::string_view text : kReadable) {
    const auto address = parse_ip_address(text);
    if (prefix.contains(*address) && !inside_longer(*address, prefix, inner)) return address;
  }
  IpAddress second = prefix.address;
  auto& last = second.bytes[second.v6 ? 15 : 3];
  last = static_cast<std::uint8_t>(last | 1U);
  if (prefix.contains(second) && !inside_longer(second, prefix, inner)) return second;
  return search(prefix, std::move(inner));
}

std::vector<IpAddress> representatives(const IpPrefix& prefix, const std::vector<IpPrefix>& known) {
  std::vector<IpAddress> out;
  if (const auto address = free_address(prefix, known)) out.push_back(*address);
  for (const IpPrefix& part : inside(prefix, known)) {
    if (const auto address = free_address(part, known)) out.push_back(*address);
  }
  return out;
}

}  // namespace policyc::explain
