#include "compiler/support/ip.h"

#include <algorithm>
#include <charconv>

#include <arpa/inet.h>

namespace policyc {
namespace {

bool same_leading_bits(const IpAddress& a, const IpAddress& b, int bits) {
  const auto whole = static_cast<std::size_t>(bits / 8);
  if (!std::equal(a.bytes.begin(), a.bytes.begin() + static_cast<std::ptrdiff_t>(whole),
                  b.bytes.begin())) {
    return false;
  }
  const int rest = bits % 8;
  if (rest == 0) return true;
  const auto mask = static_cast<std::uint8_t>(0xff00U >> static_cast<unsigned>(rest));
  return (a.bytes[whole] & mask) == (b.bytes[whole] & mask);
}

IpAddress clear_host_bits(IpAddress address, int length) {
  for (int bit = length; bit < address.bit_length(); ++bit) {
    auto& byte = address.bytes[static_cast<std::size_t>(bit / 8)];
    byte = static_cast<std::uint8_t>(byte & ~(0x80U >> static_cast<unsigned>(bit % 8)));
  }
  return address;
}

}  // namespace

std::string IpAddress::to_string() const {
  std::array<char, INET6_ADDRSTRLEN> buffer{};
  inet_ntop(v6 ? AF_INET6 : AF_INET, bytes.data(), buffer.data(), buffer.size());
  return buffer.data();
}

bool IpPrefix::contains(const IpAddress& other) const {
  return address.v6 == other.v6 && same_leading_bits(address, other, length);
}

bool IpPrefix::contains(const IpPrefix& other) const {
  return length <= other.length && contains(other.address);
}

std::string IpPrefix::to_string() const {
  return address.to_string() + "/" + std::to_string(length);
}

std::optional<IpAddress> parse_ip_address(std::string_view text) {
  IpAddress result;
  const std::string copy(text);
  if (copy.size() != text.size() || copy.find('\0') != std::string::npos) return std::nullopt;
  result.v6 = copy.find(':') != std::string::npos;
  if (inet_pton(result.v6 ? AF_INET6 : AF_INET, copy.c_str(), result.bytes.data()) != 1)
    return std::nullopt;
  return result;
}

std::optional<IpPrefix> parse_ip_prefix(std::string_view text) {
  const auto slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const auto address = parse_ip_address(text.substr(0, slash));
  const std::string_view digits = text.substr(slash + 1);
  if (!address || digits.empty() || (digits.size() > 1 && digits[0] == '0')) return std::nullopt;
  int length = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), length);
  if (error != std::errc{} || end != digits.data() + digits.size() || digits[0] == '-')
    return std::nullopt;
  if (length > address->bit_length()) return std::nullopt;
  return IpPrefix{clear_host_bits(*address, length), length};
}

IpPrefix host_prefix(const IpAddress& address) { return {address, address.bit_length()}; }

}  // namespace policyc
