#include "tests/bench/services/echo_servers.h"

#include <cstring>
#include <iostream>
#include <vector>

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

namespace policyc::bench {
namespace {

void wake(int event) {
  const std::uint64_t one = 1;
  check(::write(event, &one, sizeof one) == sizeof one, "eventfd");
}

// False at the end of the connection. Messages are small: each arrives whole, or the rest of it
// soon.
bool answer(int peer) {
  EchoMessage message{};
  const auto size = ::recv(peer, message.data(), message.size(), MSG_WAITALL);
  if (size != static_cast<ssize_t>(message.size())) return false;
  sockaddr_in own{};
  socklen_t length = sizeof own;
  check(::getsockname(peer, reinterpret_cast<sockaddr*>(&own), &length) == 0, "getsockname");
  std::memset(message.data(), 0, kEchoAddress);
  inet_ntop(AF_INET, &own.sin_addr, message.data(), kEchoAddress);
  return ::send(peer, message.data(), message.size(), MSG_NOSIGNAL) ==
         static_cast<ssize_t>(message.size());
}

}  // namespace

EchoServers::EchoServers(const Network& network, std::uint16_t port)
    : stop_(::eventfd(0, EFD_CLOEXEC)) {
  network.inside([&] {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int one = 1;
    ::setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    sockaddr_in any{};
    any.sin_family = AF_INET;
    any.sin_port = htons(port);
    check(::bind(listener_, reinterpret_cast<const sockaddr*>(&any), sizeof any) == 0 &&
              ::listen(listener_, 128) == 0,
          "listen");
  });
  thread_ = std::thread([this] { serve(); });
}

EchoServers::~EchoServers() {
  wake(stop_);
  thread_.join();
  ::close(listener_);
  ::close(stop_);
}

void EchoServers::serve() const {
  std::vector<pollfd> polled{{stop_, POLLIN, 0}, {listener_, POLLIN, 0}};
  while (true) {
    check(::poll(polled.data(), polled.size(), -1) > 0, "poll");
    if (polled[0].revents != 0) break;
    for (std::size_t i = polled.size() - 1; i > 1; --i) {
      if (polled[i].revents == 0 || answer(polled[i].fd)) continue;
      ::close(polled[i].fd);
      polled.erase(polled.begin() + static_cast<std::ptrdiff_t>(i));
    }
    if (polled[1].revents != 0) {
      const int peer = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (peer >= 0) polled.push_back({peer, POLLIN, 0});
    }
  }
  for (std::size_t i = 2; i < polled.size(); ++i) ::close(polled[i].fd);
}

Watcher::Watcher(const Network& network, std::string source, std::uint16_t port)
    : source_(std::move(source)), port_(port), stop_(::eventfd(0, EFD_CLOEXEC)) {
  network.inside([&] {
    socket_ = ::socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, htons(ETH_P_IP));
    sockaddr_ll where{};
    where.sll_family = AF_PACKET;
    where.sll_protocol = htons(ETH_P_IP);
    where.sll_ifindex = static_cast<int>(::if_nametoindex("eth0"));
    check(::bind(socket_, reinterpret_cast<const sockaddr*>(&where), sizeof where) == 0,
          "packet socket");
  });
  thread_ = std::thread([this] { watch(); });
}

Watcher::~Watcher() {
  wake(stop_);
  thread_.join();
  ::close(socket_);
  ::close(stop_);
}

void Watcher::watch() {
  pollfd polled[] = {{stop_, POLLIN, 0}, {socket_, POLLIN, 0}};
  while (::poll(polled, 2, -1) > 0 && polled[0].revents == 0) {
    struct {
      iphdr ip;
      tcphdr tcp;
      char rest[64];
    } packet{};
    sockaddr_ll from{};
    socklen_t length = sizeof from;
    const auto size =
        ::recvfrom(socket_, &packet, sizeof packet, 0, reinterpret_cast<sockaddr*>(&from), &length);
    if (size < static_cast<ssize_t>(sizeof packet.ip) || from.sll_pkttype == PACKET_OUTGOING)
      continue;
    ++packets_;
    char source[INET_ADDRSTRLEN] = {};
    inet_ntop(AF_INET, &packet.ip.saddr, source, sizeof source);
    const bool right = packet.ip.protocol == IPPROTO_TCP && source == source_ &&
                       (port_ == 0 || ntohs(packet.tcp.source) == port_);
    if (right) continue;
    std::cout << "a packet of protocol " << int{packet.ip.protocol} << " from " << source << ":"
              << ntohs(packet.tcp.source) << " instead of " << source_ << ":" << port_ << "\n"
              << std::flush;
    std::_Exit(1);
  }
}

}  // namespace policyc::bench
