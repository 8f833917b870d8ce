#include "tests/bench/services/nodeport_soak.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <random>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include "loader/nat/collector.h"
#include "tests/bench/services/echo_servers.h"
#include "tests/bench/services/policyc_services.h"

namespace policyc::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::uint16_t kPort = 8081;  // of backends
const TcpAddress kFrontend{"10.80.0.1", 30080};
constexpr const char* kNodeToServers = "10.81.0.1";
constexpr std::size_t kHeld = 6;    // connections that stay
constexpr int kExchangesEach = 20;  // short ones, a round

enum class State : std::uint8_t { Gone, Active, Leaving };

// What client and changes know of each other.
struct Shared {
  std::array<std::atomic<State>, kServerAddresses> states{};
  std::array<std::atomic<int>, kServerAddresses> held{};  // connections to the backend
  std::atomic<std::size_t> rounds = 0;                    // of the client
  std::atomic<bool> stop = false;
};

[[noreturn]] void broken(const std::string& what) {
  std::cout << what << "\n" << std::flush;
  std::_Exit(1);
}

int index_of(const std::string& address) {
  for (int i = 0; i < kServerAddresses; ++i) {
    if (Topology::endpoint(i).address == address) return i;
  }
  broken("an answer of " + address + ", which is no backend");
}

// A connection to the frontend, and the backend that answers on it.
class Connection {
 public:
  explicit Connection(Shared& shared) : shared_(shared) {
    std::array<State, kServerAddresses> before{};
    for (std::size_t i = 0; i < before.size(); ++i) before[i] = shared.states[i];
    socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const timeval patience{.tv_sec = 30, .tv_usec = 0};  // a machine may be busy
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(kFrontend.port);
    inet_pton(AF_INET, kFrontend.address.c_str(), &to.sin_addr);
    if (::connect(socket_, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0)
      broken(std::string("connect: ") + std::strerror(errno));
    backend_ = index_of(exchange());
    const auto place = static_cast<std::size_t>(backend_);
    if (before[place] == State::Gone && shared.states[place] == State::Gone)
      broken("a new connection was given a backend that is gone");
  }
  ~Connection() { ::close(socket_); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // One message there and back; the address of who answered.
  std::string exchange() {
    EchoMessage message{};
    std::memset(message.data() + kEchoAddress, ++number_ & 0x7f, kEchoSize - kEchoAddress);
    const EchoMessage sent = message;
    if (::send(socket_, message.data(), kEchoSize, MSG_NOSIGNAL) != ssize_t{kEchoSize} ||
        ::recv(socket_, message.data(), kEchoSize, MSG_WAITALL) != ssize_t{kEchoSize})
      broken("a connection to backend " + std::to_string(backend_) +
             " broke: " + std::strerror(errno));
    if (!std::equal(sent.begin() + kEchoAddress, sent.end(), message.begin() + kEchoAddress))
      broken("an answer to another message");
    return message.data();
  }
  // The same backend answers as before.
  void use() {
    if (index_of(exchange()) != backend_) broken("a connection has another backend");
  }
  // Ends with a reset instead of FINs.
  void reset_at_end() const {
    const linger now{1, 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  }
  [[nodiscard]] std::size_t backend() const { return static_cast<std::size_t>(backend_); }
  [[nodiscard]] bool is_to_leave() const {
    return shared_.states[backend()] != State::Active || shared_.stop;
  }

 private:
  Shared& shared_;
  int socket_ = -1;
  int backend_ = -1;
  int number_ = 0;
};

struct Counts {
  std::size_t exchanges = 0;
  std::size_t connections = 0;
};

// The client: connections that stay until their backend terminates, and short ones.
Counts use(Shared& shared) {
  Counts counts;
  std::vector<std::unique_ptr<Connection>> held;
  while (!shared.stop) {
    while (held.size() < kHeld) {
      held.push_back(std::make_unique<Connection>(shared));
      ++shared.held[held.back()->backend()];
      ++counts.connections;
    }
    for (const auto& one : held) one->use();
    counts.exchanges += held.size();
    std::erase_if(held, [&](const auto& one) {
      if (!one->is_to_leave()) return false;
      --shared.held[one->backend()];
      return true;
    });
    for (int i = 0; i < kExchangesEach; ++i) {
      Connection one(shared);
      if (i % 2 == 0) one.reset_at_end();
      ++counts.connections;
      ++counts.exchanges;
    }
    ++shared.rounds;
  }
  return counts;
}

// Takes a backend away once the client has let go of it: as long as it terminates it serves.
std::size_t change(Shared& shared, Clock::time_point end, PolicycServices& services) {
  std::minstd_rand dice(1);
  std::array<std::size_t, kServerAddresses> left{};  // round in which it began to leave
  std::size_t changes = 0;
  for (; Clock::now() < end; std::this_thread::sleep_for(std::chrono::milliseconds(10))) {
    const auto active = std::ranges::count_if(
        shared.states, [](const auto& state) { return state == State::Active; });
    const auto one = dice() % kServerAddresses;
    std::vector<StatedBackend> backends;
    for (std::size_t i = 0; i < left.size(); ++i) {
      const State state = shared.states[i];
      if (state == State::Leaving && shared.held[i] == 0 && shared.rounds > left[i] + 2)
        shared.states[i] = State::Gone;
      if (i == one && state == State::Gone) shared.states[i] = State::Active;
      if (i == one && state == State::Active && active > 1) {
        shared.states[i] = State::Leaving;
        left[i] = shared.rounds;
      }
      const TcpAddress address{Topology::endpoint(static_cast<int>(i)).address, kPort};
      if (shared.states[i] == State::Active) backends.push_back({address, BACKEND_ACTIVE});
      if (shared.states[i] == State::Leaving) backends.push_back({address, BACKEND_TERMINATING});
    }
    services.set_backends(kFrontend, backends);
    ++changes;
  }
  return changes;
}

// Elements that are left once everything has had its time to expire.
std::size_t translations_left(const endpoint::Paths& paths) {
  const auto end = Clock::now() + std::chrono::seconds(90);
  std::size_t left = 0;
  do {
    std::this_thread::sleep_for(std::chrono::seconds(1));
    const auto collector = must(nat::Collector::open(paths));
    static_cast<void>(must(collector.pass()));
    left = must(collector.tables().nat4.entries()).size();
  } while (left != 0 && Clock::now() < end);
  return left;
}

}  // namespace

void soak_node_port(int seconds) {
  const Topology topology;
  const EchoServers servers(topology.server(), kPort);
  PolicycDevices services;
  Shared shared;
  std::vector<TcpAddress> first;
  for (int i = 0; i < 3; ++i) {
    first.push_back({Topology::endpoint(i).address, kPort});
    shared.states[static_cast<std::size_t>(i)] = State::Active;
  }
  services.setup(topology, {{kFrontend, first}});
  Counts counts;
  std::size_t changes = 0, seen = 0, largest = 0;
  {
    const Watcher at_client(topology.client(), kFrontend.address, kFrontend.port);
    const Watcher at_server(topology.server(), kNodeToServers, 0);
    std::thread client([&] { topology.client().inside([&] { counts = use(shared); }); });
    std::thread collecting([&] {
      const auto collector = must(nat::Collector::open(services.paths()));
      while (!shared.stop) {
        largest = std::max(largest, must(collector.pass()).scanned);
        std::this_thread::sleep_for(std::chrono::milliseconds(500));
      }
    });
    changes = change(shared, Clock::now() + std::chrono::seconds(seconds), services);
    shared.stop = true;
    client.join();
    collecting.join();
    seen = at_client.packets() + at_server.packets();
  }
  std::cout << counts.exchanges << " exchanges on " << counts.connections << " connections, "
            << changes << " changes, none failed; " << seen
            << " packets with the right addresses; at most " << largest << " translations\n"
            << std::flush;
  const std::size_t left = translations_left(services.paths());
  std::cout << "translations left: " << left << "\n" << std::flush;
  if (left != 0) std::_Exit(1);
  services.teardown(topology);
}

}  // namespace policyc::bench
