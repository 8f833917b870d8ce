#pragma once
// Servers at all addresses of a network namespace, any number of connections at a time.

#include <array>
#include <atomic>
#include <cstdint>
#include <string>
#include <thread>

#include "tests/bench/network.h"

namespace policyc::bench {

inline constexpr std::size_t kEchoSize = 64;
using EchoMessage = std::array<char, kEchoSize>;

// Answers each message of kEchoSize bytes with the address at which it arrived, as text that ends
// with a zero, and what of the message is left behind kEchoAddress bytes.
inline constexpr std::size_t kEchoAddress = 16;

class EchoServers {
 public:
  EchoServers(const Network& network, std::uint16_t port);
  ~EchoServers();
  EchoServers(const EchoServers&) = delete;
  EchoServers& operator=(const EchoServers&) = delete;

 private:
  void serve() const;
  int listener_ = -1;
  int stop_ = -1;
  std::thread thread_;
};

// Looks at what arrives at eth0 of a network namespace; every IPv4 packet must be TCP from
// `source`, and from `port` where that is not 0. Ends the program when one is not.
class Watcher {
 public:
  Watcher(const Network& network, std::string source, std::uint16_t port);
  ~Watcher();
  Watcher(const Watcher&) = delete;
  Watcher& operator=(const Watcher&) = delete;
  [[nodiscard]] std::size_t packets() const { return packets_; }

 private:
  void watch();
  std::string source_;
  std::uint16_t port_;
  int socket_ = -1;
  int stop_ = -1;
  std::atomic<std::size_t> packets_ = 0;
  std::thread thread_;
};

}  // namespace policyc::bench
