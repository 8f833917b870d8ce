// Real traffic between two pods of one node, with policies of both directions and events read,
// beside the same without any program: connection set-up, request/response, whole exchanges, a
// stream. The two take turns. Usage: traffic_bench [ROUNDS]. Needs root.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "compiler/driver/compile_all.h"
#include "loader/endpoint/load.h"
#include "loader/endpoint/unload.h"
#include "loader/events/ring.h"
#include "tests/bench/bench_node.h"
#include "tests/bench/report.h"
#include "tests/bench/traffic_pods.h"

namespace {

using namespace policyc;
using bench::BenchPod;
using bench::must;
using Clock = std::chrono::steady_clock;

constexpr std::uint16_t kPort = 8080;
constexpr std::size_t kMessage = 64;
constexpr auto kRound = std::chrono::milliseconds(400);
// In turns this long what else the machine does falls on both.
constexpr std::size_t kStreamBlock = 128 * 1024;

constexpr const char* kPolicies = R"(apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: client, namespace: bench}
spec:
  endpointSelector: {matchLabels: {app: client}}
  egress:
    - toEndpoints: [{matchLabels: {app: server}}]
      toPorts: [{ports: [{port: "8080", protocol: TCP}]}]
---
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: server, namespace: bench}
spec:
  endpointSelector: {matchLabels: {app: server}}
  ingress:
    - fromEndpoints: [{matchLabels: {app: client}}]
      toPorts: [{ports: [{port: "8080", protocol: TCP}]}]
)";

std::string pod_yaml(const std::string& app, const std::string& address) {
  return "---\napiVersion: v1\nkind: Pod\nmetadata: {name: " + app +
         ", namespace: bench, labels: {app: " + app + "}}\nstatus: {podIP: " + address + "}\n";
}

void check(bool good, const char* what) {
  if (good) return;
  std::perror(what);
  std::exit(1);
}

sockaddr_in to(const std::string& address) {
  sockaddr_in result{};
  result.sin_family = AF_INET;
  result.sin_port = htons(kPort);
  inet_pton(AF_INET, address.c_str(), &result.sin_addr);
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

// Answers each message, or swallows a stream: what the first byte asks for.
class Server {
 public:
  Server(const BenchPod& pod, unsigned cpu)
      : thread_([this, &pod, cpu] { pod.inside(cpu, [this, &pod] { serve(pod.address()); }); }) {
    while (!listening_) std::this_thread::yield();
  }
  ~Server() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

 private:
  void serve(const std::string& address) {
    listener_ = ::socket(AF_INET, SOCK_STREAM, 0);
    const int one = 1;
    ::setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    const sockaddr_in own = to(address);
    check(::bind(listener_, reinterpret_cast<const sockaddr*>(&own), sizeof own) == 0 &&
              ::listen(listener_, 64) == 0,
          "listen");
    listening_ = true;
    std::vector<char> buffer(kStreamBlock);
    for (int peer; (peer = ::accept(listener_, nullptr, nullptr)) >= 0; ::close(peer)) {
      ::setsockopt(peer, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
      while (whole(peer, buffer.data(), kMessage, false)) {
        if (buffer[0] == 's') {
          while (::recv(peer, buffer.data(), buffer.size(), 0) > 0) {
          }
          break;
        }
        if (!whole(peer, buffer.data(), kMessage, true)) break;
      }
    }
  }
  std::atomic<bool> listening_ = false;
  int listener_ = -1;
  std::thread thread_;
};

int connected(const std::string& address) {
  const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
  const int one = 1;
  ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  const sockaddr_in server = to(address);
  check(::connect(socket, reinterpret_cast<const sockaddr*>(&server), sizeof server) == 0,
        "connect");
  return socket;
}

// Ends with a reset: thousands of closed connections in TIME_WAIT would be measured as well.
void reset(int socket) {
  const linger now{1, 0};
  ::setsockopt(socket, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  ::close(socket);
}

double microseconds(Clock::duration duration) {
  return std::chrono::duration<double, std::micro>(duration).count();
}

// Median of connect(2).
double connect_time(const std::string& address) {
  std::vector<double> times;
  for (const auto end = Clock::now() + kRound; Clock::now() < end;) {
    const auto start = Clock::now();
    const int socket = connected(address);
    times.push_back(microseconds(Clock::now() - start));
    reset(socket);
  }
  return bench::quantile(times, 0.5);
}

double per_second(const std::function<void()>& exchange) {
  std::size_t count = 0;
  const auto start = Clock::now();
  for (const auto end = start + kRound; Clock::now() < end; ++count) exchange();
  return static_cast<double>(count) * 1e6 / microseconds(Clock::now() - start);
}

double request_rate(const std::string& address) {
  char message[kMessage] = {'r'};
  const int socket = connected(address);
  const double rate = per_second([&] {
    check(whole(socket, message, kMessage, true) && whole(socket, message, kMessage, false),
          "echo");
  });
  reset(socket);
  return rate;
}

double exchange_rate(const std::string& address) {
  char message[kMessage] = {'r'};
  return per_second([&] {
    const int socket = connected(address);
    check(whole(socket, message, kMessage, true) && whole(socket, message, kMessage, false),
          "echo");
    reset(socket);
  });
}

double stream_gigabits(const std::string& address) {
  std::vector<char> block(kStreamBlock, 's');
  const int socket = connected(address);
  const double blocks =
      per_second([&] { check(whole(socket, block.data(), block.size(), true), "send"); });
  reset(socket);
  return blocks * static_cast<double>(kStreamBlock) * 8 / 1e9;
}

struct Pair {
  const BenchPod* client;
  const BenchPod* server;
};

void compare(const std::string& name, const std::string& unit, int rounds, unsigned server_cpu,
             const Pair& plain, const Pair& policed,
             const std::function<double(const std::string&)>& measure) {
  std::vector<double> values[2];
  const Server servers[] = {Server(*plain.server, server_cpu), Server(*policed.server, server_cpu)};
  for (int round = 0; round < rounds; ++round) {
    for (const std::size_t which : {0U, 1U}) {
      const Pair& pair = which == 0 ? plain : policed;
      pair.client->inside(0, [&] { values[which].push_back(measure(pair.server->address())); });
    }
  }
  bench::report(name + ", routed, no program", values[0], unit);
  bench::report(name + ", policies of both pods, events read", values[1], unit,
                bench::quantile(values[0], 0.5));
}

void load(const endpoint::Paths& paths, const Pair& pods) {
  driver::CompileOptions options;
  options.has_inventory = true;
  driver::Compilation compilation(options);
  const std::string inventory = "apiVersion: v1\nkind: Namespace\nmetadata: {name: bench}\n" +
                                pod_yaml("client", pods.client->address()) +
                                pod_yaml("server", pods.server->address());
  if (!compilation.parse({{"policies.yaml", kPolicies}}, {{"pods.yaml", inventory}}) ||
      !compilation.resolve() || !compilation.build_shapes()) {
    std::cerr << diag::render_text(compilation.sources(), compilation.diagnostics());
    std::exit(1);
  }
  std::vector<driver::CompiledObject> objects;
  std::vector<endpoint::LoadRequest> requests;
  for (const driver::ShapeUnit& unit : compilation.shapes())
    objects.push_back(must(driver::compile_shape(unit.shape, compilation.sources())));
  for (std::size_t i = 0; i < objects.size(); ++i) {
    const bool client = compilation.shapes()[i].users.front() == "bench/client";
    const BenchPod& pod = client ? *pods.client : *pods.server;
    endpoint::LoadRequest request;
    request.object = objects[i].object;
    request.interface = pod.name();
    request.addresses = {*parse_ip_address(pod.address())};
    requests.push_back(std::move(request));
  }
  requests.front().inventory = endpoint::Inventory{{}, compilation.read().cluster, {}};
  requests.front().trace_verdicts = true;
  static_cast<void>(must(endpoint::load_endpoints(paths, requests)));
}

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 11;
  bench::enter_node();
  const BenchPod plain_client("pa", "10.80.0.1"), plain_server("pb", "10.80.0.2");
  const BenchPod client("pc", "10.80.0.3"), server("pd", "10.80.0.4");
  const Pair plain{&plain_client, &plain_server}, policed{&client, &server};
  const bench::BenchPaths folders;
  load(folders.paths(), policed);
  {
    const auto maps = must(maps::NodeMaps::open(folders.paths().maps()));
    auto ring =
        must(events::Ring::open(maps.event_heads.fd(), maps.event_slots.fd(), events::From::Now));
    std::atomic<bool> stop = false;
    std::thread reader([&] {
      for (; !stop; std::this_thread::sleep_for(std::chrono::milliseconds(20)))
        static_cast<void>(ring.read());
    });
    compare("connect", "us", rounds, 0, plain, policed, connect_time);
    compare("request/response, 64 bytes", "per second", rounds, 0, plain, policed, request_rate);
    compare("connect, request, response, close", "per second", rounds, 0, plain, policed,
            exchange_rate);
    compare("TCP stream, 2 CPUs", "Gbit/s", rounds, 1, plain, policed, stream_gigabits);
    stop = true;
    reader.join();
  }
  static_cast<void>(must(endpoint::unload_all(folders.paths())));
  return 0;
}
