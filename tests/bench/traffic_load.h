#pragma once
// A TCP server and a client that measures: connection set-up, request/response, whole exchanges, a
// stream. One connection at a time. IPv4.

#include <atomic>
#include <chrono>
#include <cstdint>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "tests/bench/network.h"

namespace policyc::bench {

struct TcpAddress {
  std::string address;  // IPv4
  std::uint16_t port = 0;
};

// Answers each message of 64 bytes, or swallows a stream: what the first byte asks for. Runs on a
// thread of its own, on that CPU only.
class Server {
 public:
  Server(const Network& network, unsigned cpu, const TcpAddress& own);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

 private:
  void serve(const TcpAddress& own);
  std::atomic<bool> listening_ = false;
  int listener_ = -1;
  std::thread thread_;
};

// These run on the calling thread, in its network namespace, and end the program when a connection
// fails. Connections end with a reset: thousands of them in TIME_WAIT would be measured as well.
using Round = std::chrono::milliseconds;

// How long each of what fits in a round took, in microseconds:
// connect(2);
[[nodiscard]] std::vector<double> connect_times(const TcpAddress& server, Round round);
// 64 bytes there and back, all on one connection;
[[nodiscard]] std::vector<double> request_times(const TcpAddress& server, Round round);
// socket, connect, 64 bytes there and back, close.
[[nodiscard]] std::vector<double> exchange_times(const TcpAddress& server, Round round);
[[nodiscard]] double stream_gigabits(const TcpAddress& server, Round round);
// The addresses at which that many connections arrived.
[[nodiscard]] std::set<std::string> arrivals(const TcpAddress& server, int connections);

}  // namespace policyc::bench
