#pragma once
// What goes on while an agent is stopped, killed and started again: echoes that must not be lost,
// and datagrams that must never arrive.

#include <atomic>
#include <cerrno>
#include <chrono>
#include <string>
#include <thread>

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include "tests/unit/loader/sandbox.h"

namespace policyc::testing {

// A client of the host asks the pod on one port, a thousand times a second, over one connection.
class Echo {
 public:
  Echo(const Pod& pod, const std::string& client, std::uint16_t port, std::uint16_t client_port)
      : server_(pod.udp_socket(port)),
        client_(host_udp_socket(client, client_port)),
        address_(pod.address()),
        port_(port) {
    // On a busy machine a thread may wait for a second before it reads.
    for (const bpf::Fd* socket : {&server_, &client_}) {
      const int bytes = 16 << 20;
      ::setsockopt(socket->get(), SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes);
    }
    answering_ = std::thread([this] { answer(); });
    asking_ = std::thread([this] { ask(); });
  }
  Echo(const Echo&) = delete;
  Echo& operator=(const Echo&) = delete;
  ~Echo() { stop(); }

  [[nodiscard]] std::size_t sent() const { return sent_; }
  // Without an answer so far; a few are on their way.
  [[nodiscard]] std::size_t missing() const { return sent_ - answered_; }
  // Ends; how many had no answer, though the answers had seconds to come.
  std::size_t stop() {
    if (asking_.joinable()) {
      stopped_ = true;
      asking_.join();
      collect(2000);
      done_ = true;
      answering_.join();
    }
    return sent_ - answered_;
  }

 private:
  void answer() {
    while (!done_) {
      pollfd waiting{server_.get(), POLLIN, 0};
      if (::poll(&waiting, 1, 50) != 1) continue;
      char byte = 0;
      sockaddr_in from{};
      socklen_t size = sizeof from;
      if (::recvfrom(server_.get(), &byte, 1, 0, reinterpret_cast<sockaddr*>(&from), &size) == 1)
        ::sendto(server_.get(), &byte, 1, 0, reinterpret_cast<sockaddr*>(&from), size);
    }
  }
  void ask() {
    auto next = std::chrono::steady_clock::now();
    while (!stopped_) {
      send_datagram(client_, address_, port_);
      ++sent_;
      collect(0);
      next += std::chrono::milliseconds(1);
      std::this_thread::sleep_until(next);
    }
  }
  // What came back; ends when nothing comes for so long, or all is there.
  void collect(int patience_ms) {
    while (answered_ < sent_) {
      pollfd waiting{client_.get(), POLLIN, 0};
      if (::poll(&waiting, 1, patience_ms) != 1) return;
      char byte = 0;
      if (::recv(client_.get(), &byte, 1, MSG_DONTWAIT) == 1) ++answered_;
    }
  }

  bpf::Fd server_;
  bpf::Fd client_;
  std::string address_;
  std::uint16_t port_;
  std::atomic<std::size_t> sent_{0};
  std::atomic<std::size_t> answered_{0};
  std::atomic<bool> stopped_{false};
  std::atomic<bool> done_{false};
  std::thread answering_;
  std::thread asking_;
};

// Somebody whom every policy denies knocks all the time.
class Intruder {
 public:
  Intruder(const Pod& pod, const std::string& from, std::uint16_t port)
      : server_(pod.udp_socket(port)),
        client_(host_udp_socket(from, 0)),
        address_(pod.address()),
        port_(port) {
    thread_ = std::thread([this] {
      while (!stopped_) {
        send_datagram(client_, address_, port_);
        ++knocks_;
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
    });
  }
  Intruder(const Intruder&) = delete;
  Intruder& operator=(const Intruder&) = delete;
  ~Intruder() {
    stopped_ = true;
    thread_.join();
  }

  [[nodiscard]] std::size_t knocks() const { return knocks_; }
  // How many came in since the last call.
  std::size_t came_in() {
    std::size_t count = 0;
    char byte = 0;
    while (::recv(server_.get(), &byte, 1, MSG_DONTWAIT) == 1) ++count;
    return count;
  }

 private:
  bpf::Fd server_;
  bpf::Fd client_;
  std::string address_;
  std::uint16_t port_;
  std::atomic<std::size_t> knocks_{0};
  std::atomic<bool> stopped_{false};
  std::thread thread_;
};

}  // namespace policyc::testing
