#pragma once
// A TCP connection, as of a client of the host to a pod: numbers there and back, until it is
// stopped.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>
#include <thread>

#include <arpa/inet.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include "tests/unit/loader/sandbox.h"

namespace policyc::testing {

// Where a socket is made, and its address there.
struct Place {
  const Pod* pod = nullptr;  // none: the host
  std::string address;
};

class Stream {
 public:
  // Connects; an exception when that is not possible.
  Stream(const Pod& pod, const std::string& client, std::uint16_t port)
      : Stream({&pod, pod.address()}, port, {nullptr, client}, pod.address(), port) {}
  // The same where the client knows the server by another address.
  Stream(const Place& server, std::uint16_t server_port, const Place& client, const std::string& to,
         std::uint16_t port) {
    in(server, [&] { listener_ = bound(where(server.address, server_port)); });
    ::listen(listener_.get(), 1);
    in(client, [&] {
      client_ = bound(where(client.address, 0));
      const sockaddr_in address = where(to, port);
      if (::connect(client_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) !=
          0)
        throw std::runtime_error("no connection to " + to);
    });
    sockaddr_in from{};
    socklen_t size = sizeof from;
    server_ = bpf::Fd(::accept(listener_.get(), reinterpret_cast<sockaddr*>(&from), &size));
    // Another one may take the port.
    listener_ = bpf::Fd();
    char text[INET_ADDRSTRLEN];
    client_seen_ = ::inet_ntop(AF_INET, &from.sin_addr, text, sizeof text);
    for (const bpf::Fd* socket : {&client_, &server_}) {
      const int one = 1;
      ::setsockopt(socket->get(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    }
    answering_ = std::thread([this] { answer(); });
    asking_ = std::thread([this] { ask(); });
  }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  ~Stream() { stop(); }

  [[nodiscard]] std::uint64_t answered() const { return answered_; }
  // The client's address as the server sees it.
  [[nodiscard]] const std::string& client_seen() const { return client_seen_; }
  // It gave up: an answer did not come for seconds, or was another one.
  [[nodiscard]] bool broken() const { return broken_; }
  // Segments that either side sent again because one was lost on the way: not those that the other
  // side said it had twice, because it was only slow.
  [[nodiscard]] std::uint32_t lost() const { return lost_of(client_) + lost_of(server_); }
  void stop() {
    stopped_ = true;
    if (asking_.joinable()) asking_.join();
    ::shutdown(server_.get(), SHUT_RDWR);
    if (answering_.joinable()) answering_.join();
  }

 private:
  static sockaddr_in where(const std::string& address, std::uint16_t port) {
    sockaddr_in result{};
    result.sin_family = AF_INET;
    result.sin_port = htons(port);
    ::inet_pton(AF_INET, address.c_str(), &result.sin_addr);
    return result;
  }
  static void in(const Place& place, const std::function<void()>& action) {
    if (place.pod != nullptr) {
      place.pod->inside(action);
    } else {
      action();
    }
  }
  static bpf::Fd bound(const sockaddr_in& address) {
    bpf::Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const int one = 1;
    ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
      throw std::runtime_error("cannot bind a socket");
    return socket;
  }
  static std::uint32_t lost_of(const bpf::Fd& socket) {
    tcp_info info{};
    socklen_t size = sizeof info;
    ::getsockopt(socket.get(), IPPROTO_TCP, TCP_INFO, &info, &size);
    return info.tcpi_total_retrans - std::min(info.tcpi_total_retrans, info.tcpi_dsack_dups);
  }
  void answer() {
    std::uint64_t number = 0;
    while (::recv(server_.get(), &number, sizeof number, MSG_WAITALL) == sizeof number)
      ::send(server_.get(), &number, sizeof number, MSG_NOSIGNAL);
  }
  void ask() {
    constexpr int kPatience = 10'000, kLook = 100;
    while (!stopped_) {
      const std::uint64_t number = answered_;
      ::send(client_.get(), &number, sizeof number, MSG_NOSIGNAL);
      pollfd waiting{client_.get(), POLLIN, 0};
      std::uint64_t answer = 0;
      for (int waited = 0; ::poll(&waiting, 1, kLook) != 1; waited += kLook) {
        if (stopped_) return;
        if (waited < kPatience) continue;
        broken_ = true;
        return;
      }
      if (::recv(client_.get(), &answer, sizeof answer, MSG_WAITALL) != sizeof answer ||
          answer != number) {
        broken_ = true;
        return;
      }
      ++answered_;
      std::this_thread::sleep_for(std::chrono::microseconds(500));
    }
  }

  bpf::Fd listener_, client_, server_;
  std::string client_seen_;
  std::atomic<std::uint64_t> answered_{0};
  std::atomic<bool> broken_{false};
  std::atomic<bool> stopped_{false};
  std::thread answering_, asking_;
};

}  // namespace policyc::testing
