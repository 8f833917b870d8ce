#include "loader/endpoint/link.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <string_view>
#include <vector>

#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

#include "loader/bpf/fd.h"

namespace policyc::endpoint {
namespace {

struct Request {
  nlmsghdr header{};
  ifinfomsg link{};
};

// Calls back with each of the attributes in so many bytes.
template <class Callback>
void each_attribute(const std::byte* at, std::size_t bytes, const Callback& callback) {
  rtattr attribute{};
  while (bytes >= sizeof attribute) {
    std::memcpy(&attribute, at, sizeof attribute);
    if (attribute.rta_len < sizeof attribute || attribute.rta_len > bytes) return;
    // The upper two bits are flags.
    callback(attribute.rta_type & 0x3fff, at + sizeof attribute,
             attribute.rta_len - sizeof attribute);
    const std::size_t next = std::min<std::size_t>(RTA_ALIGN(attribute.rta_len), bytes);
    at += next;
    bytes -= next;
  }
}

Link link_of(const std::byte* attributes, std::size_t bytes) {
  Link link;
  bool elsewhere = false;
  bool is_pair = false;
  each_attribute(attributes, bytes, [&](int type, const std::byte* value, std::size_t size) {
    if (type == IFLA_MTU && size == sizeof link.mtu) std::memcpy(&link.mtu, value, size);
    if (type == IFLA_ADDRESS && size == link.mac.size()) std::memcpy(link.mac.data(), value, size);
    if (type == IFLA_LINK_NETNSID) elsewhere = true;
    if (type != IFLA_LINKINFO) return;
    each_attribute(value, size, [&](int inner, const std::byte* text, std::size_t length) {
      if (inner != IFLA_INFO_KIND) return;
      std::string_view kind(reinterpret_cast<const char*>(text), length);
      kind = kind.substr(0, kind.find('\0'));
      is_pair = kind == "veth" || kind == "netkit";
    });
  });
  link.leads_elsewhere = elsewhere && is_pair;
  return link;
}

}  // namespace

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
  const auto failed = [&](int error) { return fail(interface + ": " + std::strerror(error)); };
  const bpf::Fd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  if (!socket.valid()) return failed(errno);
  Request request;
  request.header.nlmsg_len = sizeof request;
  request.header.nlmsg_type = RTM_GETLINK;
  request.header.nlmsg_flags = NLM_F_REQUEST;
  request.link.ifi_index = static_cast<int>(::if_nametoindex(interface.c_str()));
  if (request.link.ifi_index == 0) return failed(errno);
  if (::send(socket.get(), &request, sizeof request, 0) != sizeof request) return failed(errno);
  std::vector<std::byte> answer(64U << 10U);
  const ssize_t size = ::recv(socket.get(), answer.data(), answer.size(), 0);
  if (size < 0) return failed(errno);
  const auto bytes = static_cast<std::size_t>(size);
  nlmsghdr header{};
  constexpr std::size_t kAttributes =
      NLMSG_ALIGN(sizeof(nlmsghdr)) + NLMSG_ALIGN(sizeof(ifinfomsg));
  if (bytes < sizeof header) return failed(EBADMSG);
  std::memcpy(&header, answer.data(), sizeof header);
  if (header.nlmsg_type == NLMSG_ERROR && bytes >= NLMSG_HDRLEN + sizeof(nlmsgerr)) {
    nlmsgerr error{};
    std::memcpy(&error, answer.data() + NLMSG_HDRLEN, sizeof error);
    return failed(-error.error);
  }
  if (header.nlmsg_type != RTM_NEWLINK || header.nlmsg_len > bytes ||
      header.nlmsg_len < kAttributes)
    return failed(EBADMSG);
  return link_of(answer.data() + kAttributes, header.nlmsg_len - kAttributes);
}

}  // namespace policyc::endpoint
