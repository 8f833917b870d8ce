#pragma once
// Servers that tell who they are, and clients that ask.

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include "tests/unit/loader/sandbox.h"

namespace policyc::testing {

inline constexpr std::uint16_t kServerPort = 8080;

inline sockaddr_in address_of(const std::string& text, std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  inet_pton(AF_INET, text.c_str(), &address.sin_addr);
  return address;
}

inline bool readable(int fd, int milliseconds) {
  pollfd waiting{fd, POLLIN, 0};
  return ::poll(&waiting, 1, milliseconds) == 1;
}

// Tells every TCP connection at the pod's address its own address.
class NamingServer {
 public:
  explicit NamingServer(const Pod& pod) : name_(pod.address()) {
    pod.inside([&] {
      listener_ = bpf::Fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
      const sockaddr_in own = address_of(name_, kServerPort);
      if (::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&own), sizeof own) != 0 ||
          ::listen(listener_.get(), 64) != 0)
        throw std::runtime_error("no listener");
    });
    thread_ = std::thread([this] {
      while (!stopped_) {
        if (readable(listener_.get(), 50)) greet();
      }
    });
  }
  ~NamingServer() {
    stopped_ = true;
    thread_.join();
  }
  NamingServer(const NamingServer&) = delete;
  NamingServer& operator=(const NamingServer&) = delete;

  // Connections that came from that address.
  [[nodiscard]] std::size_t came_in(const std::string& client) const {
    const std::scoped_lock lock(mutex_);
    const auto found = clients_.find(client);
    return found == clients_.end() ? 0 : found->second;
  }

 private:
  void greet() {
    sockaddr_in client{};
    socklen_t size = sizeof client;
    const bpf::Fd one(
        ::accept4(listener_.get(), reinterpret_cast<sockaddr*>(&client), &size, SOCK_CLOEXEC));
    if (!one.valid()) return;
    char text[INET_ADDRSTRLEN];
    ::inet_ntop(AF_INET, &client.sin_addr, text, sizeof text);
    {
      const std::scoped_lock lock(mutex_);
      ++clients_[text];
    }
    ::send(one.get(), name_.data(), name_.size(), MSG_NOSIGNAL);
  }

  std::string name_;
  bpf::Fd listener_;
  std::atomic<bool> stopped_{false};
  mutable std::mutex mutex_;
  std::map<std::string, std::size_t> clients_;
  std::thread thread_;
};

// What such a server says to a connection from that address of this place (empty: any); "" when
// nobody answers in time.
inline std::string ask(const std::string& to, std::uint16_t port, const std::string& from = {},
                       int patience_ms = 5000) {
  const bpf::Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const timeval patience{.tv_sec = patience_ms / 1000, .tv_usec = patience_ms % 1000 * 1000};
  ::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  const sockaddr_in own = address_of(from, 0);
  if (!from.empty() &&
      ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&own), sizeof own) != 0)
    throw std::runtime_error("cannot bind to " + from);
  const sockaddr_in address = address_of(to, port);
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return "";
  char text[64];
  if (!readable(socket.get(), patience_ms)) return "";
  const ssize_t size = ::recv(socket.get(), text, sizeof text, 0);
  return size > 0 ? std::string(text, static_cast<std::size_t>(size)) : "";
}

// Who answers so many connections; the first one that nobody answers is the last.
inline std::set<std::string> takers(const std::string& to, std::uint16_t port, int count = 24) {
  std::set<std::string> names;
  for (int i = 0; i < count && !names.contains(""); ++i) names.insert(ask(to, port));
  return names;
}

// Somebody who asks again and again, over a new connection each time.
class Caller {
 public:
  // In the pod, or on the host; from that address of it.
  Caller(const Pod* pod, std::string from, std::string to, std::uint16_t port, int patience_ms)
      : from_(std::move(from)), to_(std::move(to)), port_(port), patience_ms_(patience_ms) {
    thread_ = std::thread([this, pod] {
      if (pod != nullptr) {
        pod->inside([this] { run(); });
      } else {
        run();
      }
    });
  }
  ~Caller() {
    stopped_ = true;
    thread_.join();
  }
  Caller(const Caller&) = delete;
  Caller& operator=(const Caller&) = delete;

  [[nodiscard]] const std::string& from() const { return from_; }
  [[nodiscard]] std::size_t answered() const { return answered_; }
  // Calls that ended without an answer.
  [[nodiscard]] std::size_t unanswered() const { return unanswered_; }

 private:
  void run() {
    while (!stopped_) {
      ++(ask(to_, port_, from_, patience_ms_).empty() ? unanswered_ : answered_);
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
  }

  std::string from_, to_;
  std::uint16_t port_;
  int patience_ms_;
  std::atomic<std::size_t> answered_{0};
  std::atomic<std::size_t> unanswered_{0};
  std::atomic<bool> stopped_{false};
  std::thread thread_;
};

}  // namespace policyc::testing
