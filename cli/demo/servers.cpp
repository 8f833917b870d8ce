#include "cli/demo/servers.h"

#include <array>
#include <cerrno>
#include <map>
#include <string_view>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "cli/demo/socket.h"

namespace policyc::demo {
namespace {

constexpr std::string_view kHttpResponse =
    "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n";

enum class Role : std::uint8_t { TcpListener, TcpConnection, Udp };

Result<bpf::Fd> listen_on(const Listener& listener) {
  auto fd = open_socket(listener.namespace_fd, listener.address.v6,
                        listener.udp ? SOCK_DGRAM : SOCK_STREAM, 0);
  if (!fd) return fd;
  const int one = 1;
  ::setsockopt(fd->get(), SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
  const SocketAddress name(listener.address, listener.port);
  if (::bind(fd->get(), name.get(), name.length) != 0) return std::unexpected(system_error("bind"));
  if (!listener.udp && ::listen(fd->get(), 16) != 0) return std::unexpected(system_error("listen"));
  return fd;
}

}  // namespace

struct Servers::Loop {
  bpf::Fd epoll{::epoll_create1(EPOLL_CLOEXEC)};
  bpf::Fd stop{::eventfd(0, EFD_CLOEXEC)};
  std::map<int, std::pair<Role, bpf::Fd>> sockets;

  bool watch(int fd) const {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    return ::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, fd, &event) == 0;
  }

  Result<void> add(Role role, bpf::Fd fd) {
    const int number = fd.get();
    if (!watch(number)) return std::unexpected(system_error("epoll_ctl"));
    sockets.emplace(number, std::pair(role, std::move(fd)));
    return {};
  }

  void accept(int listener) {
    bpf::Fd connection(::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!connection.valid()) return;
    const int one = 1;
    ::setsockopt(connection.get(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    // A connection that cannot be watched is closed: the client sees it.
    static_cast<void>(add(Role::TcpConnection, std::move(connection)));
  }

  // Demo messages are small: an answer always fits into the socket's buffer, or the peer is gone.
  void answer_stream(int fd) {
    std::array<char, 4096> buffer;
    const ssize_t size = ::recv(fd, buffer.data(), buffer.size(), 0);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
    bool keep = size > 0;
    if (keep) {
      const std::string_view message(buffer.data(), static_cast<std::size_t>(size));
      const bool http = message.starts_with("GET ");
      const std::string_view reply = http ? kHttpResponse : message;
      keep = ::send(fd, reply.data(), reply.size(), MSG_NOSIGNAL) ==
                 static_cast<ssize_t>(reply.size()) &&
             !http;
    }
    if (!keep) sockets.erase(fd);
  }

  static void answer_datagram(int fd) {
    std::array<char, 2048> buffer;
    sockaddr_storage peer{};
    socklen_t length = sizeof(peer);
    auto* name = reinterpret_cast<sockaddr*>(&peer);
    const ssize_t size = ::recvfrom(fd, buffer.data(), buffer.size(), 0, name, &length);
    // Like any UDP server, it does not learn whether the answer arrives.
    if (size >= 0)
      static_cast<void>(
          ::sendto(fd, buffer.data(), static_cast<std::size_t>(size), MSG_NOSIGNAL, name, length));
  }

  void run() {
    std::array<epoll_event, 16> events;
    for (;;) {
      const int ready =
          ::epoll_wait(epoll.get(), events.data(), static_cast<int>(events.size()), -1);
      for (int i = 0; i < ready; ++i) {
        const int fd = events[static_cast<std::size_t>(i)].data.fd;
        if (fd == stop.get()) return;
        const auto found = sockets.find(fd);
        if (found == sockets.end()) continue;
        switch (found->second.first) {
          case Role::TcpListener:
            accept(fd);
            break;
          case Role::TcpConnection:
            answer_stream(fd);
            break;
          case Role::Udp:
            answer_datagram(fd);
            break;
        }
      }
      if (ready < 0 && errno != EINTR) return;
    }
  }
};

Servers::Servers(std::unique_ptr<Loop> loop)
    : loop_(std::move(loop)), thread_([loop = loop_.get()] { loop->run(); }) {}

Servers::Servers(Servers&&) noexcept = default;

Servers::~Servers() {
  if (!loop_) return;
  const std::uint64_t one = 1;
  static_cast<void>(::write(loop_->stop.get(), &one, sizeof(one)));
  thread_.join();
}

Result<Servers> Servers::start(const std::vector<Listener>& listeners) {
  auto loop = std::make_unique<Loop>();
  if (!loop->epoll.valid() || !loop->stop.valid()) return std::unexpected(system_error("epoll"));
  if (!loop->watch(loop->stop.get())) return std::unexpected(system_error("epoll_ctl"));
  for (const Listener& listener : listeners) {
    auto fd = listen_on(listener);
    if (!fd) {
      return fail("server " + listener.address.to_string() + " port " +
                  std::to_string(listener.port) + ": " + fd.error().message);
    }
    if (auto added = loop->add(listener.udp ? Role::Udp : Role::TcpListener, std::move(*fd));
        !added) {
      return std::unexpected(added.error());
    }
  }
  return Servers(std::move(loop));
}

}  // namespace policyc::demo
