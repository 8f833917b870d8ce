#pragma once
// What goes on while an agent is stopped, killed and started again: echoes that must not be lost,
// and datagrams that must never arrive.

#include <atomic>
#include <cerrno>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include "tests/unit/loader/sandbox.h"

namespace policyc::testing {

// A client of the host asks the pod on one port, so many times a second, over one connection. Each
// question has a number, and the answer repeats it.
class Echo {
 public:
  Echo(const Pod& pod, const std::string& client, std::uint16_t port, std::uint16_t client_port,
       int rate = 1000)
      : server_(pod.udp_socket(port)),
        client_(host_udp_socket(client, client_port)),
        interval_(std::chrono::nanoseconds(std::chrono::seconds(1)) / rate) {
    // On a busy machine a thread may wait for a second before it reads.
    for (const bpf::Fd* socket : {&server_, &client_}) {
      const int bytes = 64 << 20;
      ::setsockopt(socket->get(), SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes);
    }
    address_.sin_family = AF_INET;
    address_.sin_port = htons(port);
    ::inet_pton(AF_INET, pod.address().c_str(), &address_.sin_addr);
    answering_ = std::thread([this] { answer(); });
    asking_ = std::thread([this] { ask(); });
  }
  Echo(const Echo&) = delete;
  Echo& operator=(const Echo&) = delete;
  ~Echo() { stop(); }

  [[nodiscard]] std::size_t sent() const { return sent_; }
  [[nodiscard]] std::size_t answered() const { return answered_; }
  // Without an answer so far; a few are on their way.
  [[nodiscard]] std::size_t missing() const { return sent_ - answered_; }
  // Answers to nothing that was asked, or to what was answered before.
  [[nodiscard]] std::size_t strange() const { return strange_; }
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
      std::uint64_t number = 0;
      sockaddr_in from{};
      socklen_t size = sizeof from;
      while (::recvfrom(server_.get(), &number, sizeof number, MSG_DONTWAIT,
                        reinterpret_cast<sockaddr*>(&from), &size) == sizeof number)
        ::sendto(server_.get(), &number, sizeof number, 0, reinterpret_cast<sockaddr*>(&from),
                 size);
    }
  }
  void ask() {
    auto next = std::chrono::steady_clock::now();
    while (!stopped_) {
      const std::uint64_t number = sent_;
      is_answered_.push_back(false);
      ::sendto(client_.get(), &number, sizeof number, 0,
               reinterpret_cast<const sockaddr*>(&address_), sizeof address_);
      ++sent_;
      collect(0);
      next += interval_;
      std::this_thread::sleep_until(next);
    }
  }
  // What came back; ends when nothing comes for so long, or all is there.
  void collect(int patience_ms) {
    while (answered_ < sent_) {
      pollfd waiting{client_.get(), POLLIN, 0};
      if (::poll(&waiting, 1, patience_ms) != 1) return;
      std::uint64_t number = 0;
      if (::recv(client_.get(), &number, sizeof number, MSG_DONTWAIT) != sizeof number) continue;
      if (number >= is_answered_.size() || is_answered_[number]) {
        ++strange_;
        continue;
      }
      is_answered_[number] = true;
      ++answered_;
    }
  }

  bpf::Fd server_;
  bpf::Fd client_;
  std::chrono::nanoseconds interval_;
  sockaddr_in address_{};
  std::vector<bool> is_answered_;  // of the asking thread
  std::atomic<std::size_t> sent_{0};
  std::atomic<std::size_t> answered_{0};
  std::atomic<std::size_t> strange_{0};
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
