#include "cli/demo/traffic.h"

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string_view>

#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <poll.h>

#include "cli/demo/socket.h"

namespace policyc::demo {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::string_view kMessage = "hello policy";

enum class Wait : std::uint8_t { Ready, TimedOut, Interrupted };

// Waits for `events` on the socket until `deadline` or a signal.
Wait wait_for(int fd, short events, Clock::time_point deadline, Interrupt& interrupt) {
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (left <= 0) return Wait::TimedOut;
    std::array<pollfd, 2> wait{{{fd, events, 0}, {interrupt.fd(), POLLIN, 0}}};
    const int ready = ::poll(wait.data(), wait.size(), static_cast<int>(left));
    if (wait[1].revents != 0) return Wait::Interrupted;
    if (ready > 0) return Wait::Ready;
    if (ready < 0 && errno != EINTR) return Wait::TimedOut;
  }
}

std::string elapsed(Clock::time_point start) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.2f ms",
                std::chrono::duration<double, std::milli>(Clock::now() - start).count());
  return text.data();
}

std::string request_of(const Exchange& exchange) {
  if (exchange.service == Service::Http) {
    return "GET " + exchange.http_path + " HTTP/1.1\r\nHost: api\r\nConnection: close\r\n\r\n";
  }
  if (exchange.service != Service::Ping) return std::string(kMessage);
  // The kernel fills in the identifier and the checksum.
  std::string request(sizeof(icmphdr), '\0');
  request[0] = exchange.destination.v6 ? static_cast<char>(ICMP6_ECHO_REQUEST)
                                       : static_cast<char>(ICMP_ECHO);
  return request + std::string(kMessage);
}

class Client {
 public:
  Client(const Exchange& exchange, std::chrono::milliseconds timeout, Interrupt& interrupt)
      : exchange_(exchange), timeout_(timeout), interrupt_(interrupt) {}

  Outcome run() {
    if (auto opened = open(); !opened) return failed(opened.error());
    const SocketAddress peer(exchange_.destination, exchange_.port);
    if (::connect(fd_.get(), peer.get(), peer.length) != 0 && errno != EINPROGRESS)
      return failed(system_error("connect"));
    if (is_stream()) {
      if (const auto waited = wait_for(fd_.get(), POLLOUT, deadline_, interrupt_);
          waited != Wait::Ready)
        return ended(waited);
      int error = 0;
      socklen_t length = sizeof(error);
      ::getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &error, &length);
      errno = error;
      if (error != 0) return failed(system_error("connect"));
    }
    const std::string request = request_of(exchange_);
    if (::send(fd_.get(), request.data(), request.size(), MSG_NOSIGNAL) !=
        static_cast<ssize_t>(request.size())) {
      return failed(system_error("send"));
    }
    return receive(request.size());
  }

 private:
  bool is_stream() const {
    return exchange_.service == Service::Tcp || exchange_.service == Service::Http;
  }

  Result<void> open() {
    const int protocol = exchange_.service == Service::Ping
                             ? ip_protocol(Service::Ping, exchange_.destination.v6)
                             : 0;
    auto fd = open_socket(exchange_.namespace_fd, exchange_.destination.v6,
                          is_stream() ? SOCK_STREAM : SOCK_DGRAM, protocol);
    if (!fd) return std::unexpected(fd.error());
    fd_ = std::move(*fd);
    const SocketAddress source(exchange_.source, 0);
    if (::bind(fd_.get(), source.get(), source.length) != 0)
      return std::unexpected(system_error("bind"));
    return {};
  }

  // Echoes come back whole; of an HTTP response the status line counts.
  Outcome receive(std::size_t wanted) {
    std::string answer;
    while (answer.size() < wanted) {
      if (const auto waited = wait_for(fd_.get(), POLLIN, deadline_, interrupt_);
          waited != Wait::Ready)
        return ended(waited);
      std::array<char, 2048> buffer;
      const ssize_t size = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
      if (size < 0 && (errno == EAGAIN || errno == EINTR)) continue;
      if (size < 0) return failed(system_error("recv"));
      if (size == 0) return outcome(Ending::Failed, "connection closed without an answer");
      answer.append(buffer.data(), static_cast<std::size_t>(size));
      if (exchange_.service == Service::Http && answer.find("\r\n") != std::string::npos) break;
    }
    return outcome(Ending::Answered, describe(answer));
  }

  std::string describe(const std::string& answer) const {
    switch (exchange_.service) {
      case Service::Tcp:
        return "connected, " + std::to_string(answer.size()) + " bytes echoed in " +
               elapsed(start_);
      case Service::Udp:
        return "answered, " + std::to_string(answer.size()) + " bytes in " + elapsed(start_);
      case Service::Http:
        return "connected, " + answer.substr(0, answer.find('\r')) + " in " + elapsed(start_);
      case Service::Ping:
        break;
    }
    return "echo reply in " + elapsed(start_);
  }

  Outcome outcome(Ending ending, std::string text) const {
    return {ending, std::move(text),
            exchange_.service == Service::Ping ? std::uint16_t{0} : local_port(fd_.get())};
  }
  Outcome failed(const Error& error) const { return outcome(Ending::Failed, error.message); }
  Outcome ended(Wait waited) const {
    if (waited == Wait::Interrupted) return outcome(Ending::Interrupted, "interrupted");
    return outcome(Ending::NoAnswer,
                   "no answer within " + std::to_string(timeout_.count()) + " ms");
  }

  const Exchange& exchange_;
  std::chrono::milliseconds timeout_;
  Interrupt& interrupt_;
  Clock::time_point start_ = Clock::now();
  Clock::time_point deadline_ = start_ + timeout_;
  bpf::Fd fd_;
};

}  // namespace

std::string service_name(Service service) {
  switch (service) {
    case Service::Tcp:
      return "TCP";
    case Service::Udp:
      return "UDP";
    case Service::Http:
      return "HTTP";
    case Service::Ping:
      break;
  }
  return "ICMP echo";
}

std::uint8_t ip_protocol(Service service, bool v6) {
  switch (service) {
    case Service::Tcp:
    case Service::Http:
      return IPPROTO_TCP;
    case Service::Udp:
      return IPPROTO_UDP;
    case Service::Ping:
      break;
  }
  if (v6) return IPPROTO_ICMPV6;
  return IPPROTO_ICMP;
}

Outcome attempt(const Exchange& exchange, std::chrono::milliseconds timeout, Interrupt& interrupt) {
  return Client(exchange, timeout, interrupt).run();
}

}  // namespace policyc::demo
