#include "loader/agent/links.h"

#include <array>
#include <cerrno>

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

#include "loader/bpf/log.h"

namespace policyc::agent {

std::uint32_t interface_index(const std::string& name) { return ::if_nametoindex(name.c_str()); }

bool interface_exists(std::uint32_t index) {
  std::array<char, IF_NAMESIZE> name{};
  return ::if_indextoname(index, name.data()) != nullptr;
}

Result<LinkWatch> LinkWatch::open() {
  bpf::Fd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE));
  if (!socket.valid()) return bpf::fail_errno("open a netlink socket", errno);
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = RTMGRP_LINK;
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return bpf::fail_errno("watch interfaces", errno);
  return LinkWatch(std::move(socket));
}

bool LinkWatch::take() const {
  bool went = false;
  alignas(nlmsghdr) std::array<char, 32768> buffer;
  while (true) {
    const ssize_t size = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return went || errno == ENOBUFS;
    auto left = static_cast<std::uint32_t>(size);
    for (auto* message = reinterpret_cast<nlmsghdr*>(buffer.data()); NLMSG_OK(message, left);
         message = NLMSG_NEXT(message, left)) {
      went = went || message->nlmsg_type == RTM_DELLINK;
    }
  }
}

}  // namespace policyc::agent
