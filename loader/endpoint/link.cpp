#include "loader/endpoint/link.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>

#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "loader/bpf/fd.h"

namespace policyc::endpoint {

std::optional<MacAddress> parse_mac(std::string_view text) {
  constexpr std::size_t kTextSize = 17;
  MacAddress mac{};
  if (text.size() != kTextSize) return std::nullopt;
  for (std::size_t i = 0; i < mac.size(); ++i) {
    const char* begin = text.data() + 3 * i;
    const auto [end, error] = std::from_chars(begin, begin + 2, mac[i], 16);
    if (error != std::errc{} || end != begin + 2) return std::nullopt;
    if (i + 1 < mac.size() && *end != ':') return std::nullopt;
  }
  // Groups, and the address of nobody.
  if ((mac[0] & 1U) != 0 || mac == MacAddress{}) return std::nullopt;
  return mac;
}

std::string mac_text(const MacAddress& mac) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const std::uint8_t byte : mac) {
    if (!text.empty()) text += ':';
    text += kDigits[byte >> 4U];
    text += kDigits[byte & 0xfU];
  }
  return text;
}

Result<Link> read_link(const std::string& interface) {
  const bpf::Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  if (interface.size() >= sizeof request.ifr_name)
    return fail(interface + ": the name is too long");
  const auto ask = [&](unsigned long what) {
    std::ranges::copy(interface, request.ifr_name);
    return ioctl(socket.get(), what, &request) == 0;
  };
  Link link;
  if (!ask(SIOCGIFMTU)) return fail(interface + ": " + std::strerror(errno));
  link.mtu = static_cast<std::uint32_t>(request.ifr_mtu);
  if (!ask(SIOCGIFHWADDR)) return fail(interface + ": " + std::strerror(errno));
  std::memcpy(link.mac.data(), request.ifr_hwaddr.sa_data, link.mac.size());
  return link;
}

}  // namespace policyc::endpoint
