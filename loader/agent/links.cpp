#include "loader/agent/links.h"

#include <array>
#include <cerrno>
#include <string_view>

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

#include "loader/bpf/log.h"
#include "loader/endpoint/link.h"

namespace policyc::agent {

namespace {

// Filters' own queueing discipline comes with each clsact program of ours, and says nothing.
void take_queue(const nlmsghdr& message, LinkNews& news) {
  const auto* queue = static_cast<const tcmsg*>(NLMSG_DATA(&message));
  if (message.nlmsg_len < NLMSG_LENGTH(sizeof *queue)) return;
  const auto index = static_cast<std::uint32_t>(queue->tcm_ifindex);
  if (message.nlmsg_type == RTM_DELQDISC) {
    news.queues[index] = false;
    return;
  }
  auto left = message.nlmsg_len - static_cast<std::uint32_t>(NLMSG_LENGTH(sizeof *queue));
  for (const rtattr* attribute = TCA_RTA(queue); RTA_OK(attribute, left);
       attribute = RTA_NEXT(attribute, left)) {
    if (attribute->rta_type != TCA_KIND) continue;
    const std::string_view kind(static_cast<const char*>(RTA_DATA(attribute)),
                                RTA_PAYLOAD(attribute));
    if (!endpoint::is_no_queue(kind.substr(0, kind.find('\0')))) news.queues[index] = true;
  }
}

}  // namespace

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
  address.nl_groups = RTMGRP_LINK | RTMGRP_TC;
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return bpf::fail_errno("watch interfaces", errno);
  return LinkWatch(std::move(socket));
}

LinkNews LinkWatch::take() const {
  LinkNews news;
  alignas(nlmsghdr) std::array<char, 32768> buffer;
  while (true) {
    const ssize_t size = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) {
      news.lost = errno == ENOBUFS;
      return news;
    }
    auto left = static_cast<std::uint32_t>(size);
    for (auto* message = reinterpret_cast<nlmsghdr*>(buffer.data()); NLMSG_OK(message, left);
         message = NLMSG_NEXT(message, left)) {
      news.went = news.went || message->nlmsg_type == RTM_DELLINK;
      if (message->nlmsg_type == RTM_NEWQDISC || message->nlmsg_type == RTM_DELQDISC)
        take_queue(*message, news);
    }
  }
}

}  // namespace policyc::agent
