#include "tests/bench/traffic_load.h"

#include <array>
#include <cstdlib>
#include <cstring>
#include <iostream>

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

namespace policyc::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kMessage = 64;
constexpr std::size_t kStreamBlock = 128 * 1024;

// First bytes of what a client sends.
constexpr char kEcho = 'r', kStream = 's', kWhere = 'w';

sockaddr_in to(const TcpAddress& address) {
  sockaddr_in result{};
  result.sin_family = AF_INET;
  result.sin_port = htons(address.port);
  inet_pton(AF_INET, address.address.c_str(), &result.sin_addr);
  return result;
}

bool whole(int socket, char* bytes, std::size_t size, bool send) {
  while (size > 0) {
    const auto done =
        send ? ::send(socket, bytes, size, MSG_NOSIGNAL) : ::recv(socket, bytes, size, 0);
    if (done <= 0) return false;
    bytes += done;
    size -= static_cast<std::size_t>(done);
  }
  return true;
}

void write_own_address(int socket, char* message) {
  sockaddr_in own{};
  socklen_t length = sizeof own;
  check(::getsockname(socket, reinterpret_cast<sockaddr*>(&own), &length) == 0, "getsockname");
  inet_ntop(AF_INET, &own.sin_addr, message, kMessage);
}

int connected(const TcpAddress& address) {
  const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
  const int one = 1;
  ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  const sockaddr_in server = to(address);
  check(::connect(socket, reinterpret_cast<const sockaddr*>(&server), sizeof server) == 0,
        "connect");
  return socket;
}

void reset(int socket) {
  const linger now{1, 0};
  ::setsockopt(socket, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  ::close(socket);
}

void exchange(int socket, std::array<char, kMessage>& message) {
  check(whole(socket, message.data(), kMessage, true) &&
            whole(socket, message.data(), kMessage, false),
        "exchange of messages");
}

double microseconds(Clock::duration duration) {
  return std::chrono::duration<double, std::micro>(duration).count();
}

// `action` says how long its part that counts took.
std::vector<double> times_of(Round round, const std::function<Clock::duration()>& action) {
  std::vector<double> times;
  for (const auto end = Clock::now() + round; Clock::now() < end;)
    times.push_back(microseconds(action()));
  return times;
}

}  // namespace

Server::Server(const Network& network, unsigned cpu, const TcpAddress& own)
    : thread_([this, &network, cpu, own] { network.inside(cpu, [&] { serve(own); }); }) {
  while (!listening_) std::this_thread::yield();
}

Server::~Server() {
  ::shutdown(listener_, SHUT_RDWR);
  thread_.join();
  ::close(listener_);
}

void Server::serve(const TcpAddress& own) {
  listener_ = ::socket(AF_INET, SOCK_STREAM, 0);
  const int one = 1;
  ::setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  const sockaddr_in where = to(own);
  check(::bind(listener_, reinterpret_cast<const sockaddr*>(&where), sizeof where) == 0 &&
            ::listen(listener_, 64) == 0,
        "listen");
  listening_ = true;
  std::vector<char> buffer(kStreamBlock);
  for (int peer; (peer = ::accept(listener_, nullptr, nullptr)) >= 0; ::close(peer)) {
    ::setsockopt(peer, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    while (whole(peer, buffer.data(), kMessage, false)) {
      if (buffer[0] == kStream) {
        while (::recv(peer, buffer.data(), buffer.size(), 0) > 0) {
        }
        break;
      }
      if (buffer[0] == kWhere) write_own_address(peer, buffer.data());
      if (!whole(peer, buffer.data(), kMessage, true)) break;
    }
  }
}

std::vector<double> connect_times(const TcpAddress& server, Round round) {
  return times_of(round, [&] {
    const auto start = Clock::now();
    const int socket = connected(server);
    const auto took = Clock::now() - start;
    reset(socket);
    return took;
  });
}

std::vector<double> request_times(const TcpAddress& server, Round round) {
  std::array<char, kMessage> message = {kEcho};
  const int socket = connected(server);
  auto times = times_of(round, [&] {
    const auto start = Clock::now();
    exchange(socket, message);
    return Clock::now() - start;
  });
  reset(socket);
  return times;
}

std::vector<double> exchange_times(const TcpAddress& server, Round round) {
  std::array<char, kMessage> message = {kEcho};
  return times_of(round, [&] {
    const auto start = Clock::now();
    const int socket = connected(server);
    exchange(socket, message);
    reset(socket);
    return Clock::now() - start;
  });
}

double stream_gigabits(const TcpAddress& server, Round round) {
  std::vector<char> block(kStreamBlock, kStream);
  const int socket = connected(server);
  std::size_t blocks = 0;
  const auto start = Clock::now();
  for (const auto end = start + round; Clock::now() < end; ++blocks)
    check(whole(socket, block.data(), block.size(), true), "send");
  const double seconds = microseconds(Clock::now() - start) / 1e6;
  reset(socket);
  return static_cast<double>(blocks * kStreamBlock) * 8 / 1e9 / seconds;
}

std::set<std::string> arrivals(const TcpAddress& server, int connections) {
  std::set<std::string> result;
  for (int i = 0; i < connections; ++i) {
    std::array<char, kMessage> message = {kWhere};
    const int socket = connected(server);
    exchange(socket, message);
    reset(socket);
    result.insert(message.data());
  }
  return result;
}

}  // namespace policyc::bench
