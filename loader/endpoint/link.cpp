#include "loader/endpoint/link.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <expected>
#include <span>
#include <string_view>
#include <vector>

#include <linux/if_link.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

#include "loader/bpf/fd.h"

namespace policyc::endpoint {
namespace {

struct LinkRequest {
  nlmsghdr header{};
  ifinfomsg link{};
};
struct QueueRequest {
  nlmsghdr header{};
  tcmsg queue{};
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

std::string_view text_of(const std::byte* value, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(value), size);
  return text.substr(0, text.find('\0'));
}

Link link_of(const std::byte* attributes, std::size_t bytes) {
  Link link;
  bool elsewhere = false;
  bool is_pair = false;
  each_attribute(attributes, bytes, [&](int type, const std::byte* value, std::size_t size) {
    if (type == IFLA_MTU && size == sizeof link.mtu) std::memcpy(&link.mtu, value, size);
    if (type == IFLA_ADDRESS && size == link.mac.size()) std::memcpy(link.mac.data(), value, size);
    if (type == IFLA_LINK_NETNSID) elsewhere = true;
    if (type == IFLA_QDISC) link.queued = !is_no_queue(text_of(value, size));
    if (type != IFLA_LINKINFO) return;
    each_attribute(value, size, [&](int inner, const std::byte* text, std::size_t length) {
      if (inner != IFLA_INFO_KIND) return;
      const std::string_view kind = text_of(text, length);
      is_pair = kind == "veth" || kind == "netkit";
    });
  });
  link.leads_elsewhere = elsewhere && is_pair;
  return link;
}

// One question and its answer's attributes, which lie in `buffer`; or the error's number.
template <class Request>
std::expected<std::span<const std::byte>, int> ask(const bpf::Fd& socket, std::uint16_t question,
                                                   std::uint16_t answer, Request& request,
                                                   std::vector<std::byte>& buffer) {
  request.header.nlmsg_len = sizeof request;
  request.header.nlmsg_type = question;
  // What is said of queues comes to the asker only as the echo of what all others are told.
  request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_ECHO;
  if (::send(socket.get(), &request, sizeof request, 0) != sizeof request)
    return std::unexpected(errno);
  // The kernel has answered by now.
  const ssize_t size = ::recv(socket.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (size < 0) return std::unexpected(errno);
  const auto bytes = static_cast<std::size_t>(size);
  nlmsghdr header{};
  constexpr std::size_t kAttributes = NLMSG_ALIGN(sizeof(Request));
  if (bytes < sizeof header) return std::unexpected(EBADMSG);
  std::memcpy(&header, buffer.data(), sizeof header);
  if (header.nlmsg_type == NLMSG_ERROR && bytes >= NLMSG_HDRLEN + sizeof(nlmsgerr)) {
    nlmsgerr error{};
    std::memcpy(&error, buffer.data() + NLMSG_HDRLEN, sizeof error);
    return std::unexpected(-error.error);
  }
  if (header.nlmsg_type != answer || header.nlmsg_len > bytes || header.nlmsg_len < kAttributes)
    return std::unexpected(EBADMSG);
  return std::span<const std::byte>(buffer).subspan(kAttributes, header.nlmsg_len - kAttributes);
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

bool is_no_queue(std::string_view kind) {
  return kind == "noqueue" || kind == "noop" || kind == "clsact";
}

Result<Link> read_link(const std::string& interface) {
  const auto failed = [&](int error) { return fail(interface + ": " + std::strerror(error)); };
  const bpf::Fd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  if (!socket.valid()) return failed(errno);
  LinkRequest about_link;
  about_link.link.ifi_index = static_cast<int>(::if_nametoindex(interface.c_str()));
  if (about_link.link.ifi_index == 0) return failed(errno);
  std::vector<std::byte> buffer(64U << 10U);
  const auto attributes = ask(socket, RTM_GETLINK, RTM_NEWLINK, about_link, buffer);
  if (!attributes) return failed(attributes.error());
  Link link = link_of(attributes->data(), attributes->size());
  QueueRequest about_queue;
  about_queue.queue.tcm_ifindex = about_link.link.ifi_index;
  about_queue.queue.tcm_parent = TC_H_INGRESS;
  const auto incoming = ask(socket, RTM_GETQDISC, RTM_NEWQDISC, about_queue, buffer);
  // Where there is none, and with a kernel that has no queues, this is an error.
  if (incoming) {
    each_attribute(incoming->data(), incoming->size(),
                   [&](int type, const std::byte* value, std::size_t size) {
                     if (type == TCA_KIND)
                       link.queued = link.queued || !is_no_queue(text_of(value, size));
                   });
  }
  return link;
}

}  // namespace policyc::endpoint
