// Real traffic between two pods of one node, with policies of both directions and events read,
// beside the same without any program: connection set-up, request/response, whole exchanges, a
// stream. The two take turns. Usage: traffic_bench [ROUNDS]. Needs root.
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include "compiler/driver/compile_all.h"
#include "loader/endpoint/load.h"
#include "loader/endpoint/unload.h"
#include "loader/events/ring.h"
#include "tests/bench/bench_node.h"
#include "tests/bench/report.h"
#include "tests/bench/traffic_load.h"
#include "tests/bench/traffic_pods.h"

namespace {

using namespace policyc;
using bench::BenchPod;
using bench::must;

constexpr std::uint16_t kPort = 8080;
// In turns this long what else the machine does falls on both.
constexpr bench::Round kRound(400);

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

double connect_time(const bench::TcpAddress& server, bench::Round round) {
  return bench::quantile(bench::connect_times(server, round), 0.5);
}

// One after the other.
double per_second(const std::vector<double>& microseconds) {
  return static_cast<double>(microseconds.size()) * 1e6 /
         std::accumulate(microseconds.begin(), microseconds.end(), 0.0);
}

double request_rate(const bench::TcpAddress& server, bench::Round round) {
  return per_second(bench::request_times(server, round));
}

double exchange_rate(const bench::TcpAddress& server, bench::Round round) {
  return per_second(bench::exchange_times(server, round));
}

struct Pair {
  const BenchPod* client;
  const BenchPod* server;
};

void compare(const std::string& name, const std::string& unit, int rounds, unsigned server_cpu,
             const Pair& plain, const Pair& policed,
             double (*measure)(const bench::TcpAddress&, bench::Round)) {
  std::vector<double> values[2];
  const bench::Server servers[] = {
      {plain.server->network(), server_cpu, {plain.server->address(), kPort}},
      {policed.server->network(), server_cpu, {policed.server->address(), kPort}}};
  for (int round = 0; round < rounds; ++round) {
    for (const std::size_t which : {0U, 1U}) {
      const Pair& pair = which == 0 ? plain : policed;
      const bench::TcpAddress server{pair.server->address(), kPort};
      pair.client->network().inside(0, [&] { values[which].push_back(measure(server, kRound)); });
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
    compare("TCP stream, 2 CPUs", "Gbit/s", rounds, 1, plain, policed, bench::stream_gigabits);
    stop = true;
    reader.join();
  }
  static_cast<void>(must(endpoint::unload_all(folders.paths())));
  return 0;
}
