// The compiler process: from its start to ready, the first resolution of many files, what an edit
// costs, a compilation, and its memory. Arguments: policies (default 200), pods (default 1000), of
// these on the node (default 200), rounds (default 31).

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <poll.h>

#include "loader/worker/client.h"
#include "tests/bench/report.h"

namespace {

using namespace policyc;
using Clock = std::chrono::steady_clock;

double ms_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

[[noreturn]] void give_up(const std::string& message) {
  std::fprintf(stderr, "worker_bench: %s\n", message.c_str());
  std::exit(1);
}

std::string policy_text(std::size_t number, std::size_t apps, int port) {
  const std::string id = std::to_string(number);
  const std::string app = std::to_string(number % apps);
  std::string text =
      "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata:\n  name: p" + id +
      "\n  namespace: shop\nspec:\n  endpointSelector:\n    matchLabels:\n      app: a" + app +
      "\n  ingress:\n";
  for (int rule = 0; rule < 3; ++rule) {
    text += "  - fromEndpoints:\n    - matchLabels:\n        app: a" +
            std::to_string((number + static_cast<std::size_t>(rule) + 1) % apps) +
            "\n    toPorts:\n    - ports:\n      - {port: \"" + std::to_string(port + rule) +
            "\", protocol: TCP}\n      - {port: http, protocol: TCP}\n";
  }
  return text + "  egress:\n  - toCIDR: [10." + std::to_string(number % 250) +
         ".0.0/16]\n  - toEntities: [kube-apiserver]\n";
}

std::string pod_text(std::size_t number, std::size_t apps) {
  const std::string id = std::to_string(number);
  return "apiVersion: v1\nkind: Pod\nmetadata:\n  name: pod" + id +
         "\n  namespace: shop\n  labels:\n    app: a" + std::to_string(number % apps) +
         "\n    tier: backend\n    version: v1\nspec:\n  containers:\n  - name: main\n    image: "
         "registry.example/app:1\n    ports:\n    - {name: http, containerPort: 8080}\nstatus:\n  "
         "podIP: 10.128." +
         std::to_string(number / 250) + "." + std::to_string(number % 250 + 1) + "\n";
}

class Bench {
 public:
  explicit Bench(const worker::Settings& settings) {
    auto client = worker::Client::start(settings);
    if (!client) give_up(client.error().message);
    client_ = std::move(*client);
  }
  worker::Client& client() { return *client_; }

  template <class T>
  T await(std::uint64_t id) {
    while (true) {
      pollfd wait{client_->fd(), POLLIN, 0};
      (void)::poll(&wait, 1, -1);
      auto answers = client_->pump();
      if (!answers) give_up(answers.error().message);
      for (worker::Answer& answer : *answers) {
        if (auto* lost = std::get_if<worker::Lost>(&answer)) give_up(lost->message);
        if (auto* failed = std::get_if<worker::Failed>(&answer)) give_up(failed->message);
        if (auto* file = std::get_if<worker::FileResult>(&answer); file && !file->accepted)
          give_up(file->diagnostics);
        if (auto* wanted = std::get_if<T>(&answer); wanted && wanted->id == id)
          return std::move(*wanted);
      }
    }
  }

  // Of the thread that reads and resolves.
  double cpu_ms() const {
    std::ifstream file("/proc/" + std::to_string(client_->pid()) + "/schedstat");
    double nanoseconds = 0;
    file >> nanoseconds;
    return nanoseconds / 1e6;
  }

  double resident_mib() const {
    std::ifstream file("/proc/" + std::to_string(client_->pid()) + "/status");
    for (std::string line; std::getline(file, line);) {
      if (line.starts_with("VmRSS:")) return std::strtod(line.c_str() + 6, nullptr) / 1024;
    }
    return 0;
  }

 private:
  std::unique_ptr<worker::Client> client_;
};

std::size_t argument(int argc, char** argv, int index, std::size_t otherwise) {
  return argc > index ? std::strtoul(argv[index], nullptr, 10) : otherwise;
}

}  // namespace

int main(int argc, char** argv) {
  const std::size_t policies = argument(argc, argv, 1, 200);
  const std::size_t pods = argument(argc, argv, 2, 1000);
  const std::size_t locals = std::min(argument(argc, argv, 3, 200), pods);
  const std::size_t rounds = argument(argc, argv, 4, 31);
  constexpr std::size_t kApps = 50;
  worker::Settings settings;
  settings.program =
      std::filesystem::read_symlink("/proc/self/exe").parent_path() / "policyc-compilerd";

  std::vector<double> starts;
  for (std::size_t i = 0; i < rounds; ++i) {
    const auto start = Clock::now();
    const Bench one(settings);
    starts.push_back(ms_since(start));
  }
  bench::report("worker start to ready", starts, "ms");

  Bench bench(settings);
  bench::report("worker resident, no files", {bench.resident_mib()}, "MiB");
  std::vector<worker::LocalEndpoint> list;
  for (std::size_t i = 0; i < locals; ++i) {
    const std::string name = "pod" + std::to_string(i);
    list.push_back({name, "shop", name, {}, {}});
  }
  const auto endpoints = std::make_shared<const std::vector<worker::LocalEndpoint>>(list);
  const auto start = Clock::now();
  for (std::size_t i = 0; i < pods; ++i)
    bench.client().put_file("pod" + std::to_string(i), "pod.yaml", pod_text(i, kApps));
  for (std::size_t i = 0; i < policies; ++i)
    bench.client().put_file("policy" + std::to_string(i), "policy" + std::to_string(i) + ".yaml",
                            policy_text(i, kApps, 8000));
  auto resolved = bench.await<worker::Resolved>(bench.client().resolve(endpoints));
  bench::report("worker first resolution", {ms_since(start)}, "ms");
  bench::report("worker resident, all files", {bench.resident_mib()}, "MiB");

  std::vector<double> edits;
  std::vector<double> pod_edits;
  std::vector<double> edit_cpu;
  std::vector<double> pod_cpu;
  std::vector<double> nothing_cpu;
  std::vector<double> nothing;
  for (std::size_t i = 0; i < rounds; ++i) {
    const double before = bench.cpu_ms();
    const auto edit = Clock::now();
    bench.client().put_file("policy0", "policy0.yaml",
                            policy_text(0, kApps, 9000 + static_cast<int>(i)));
    resolved = bench.await<worker::Resolved>(bench.client().resolve(endpoints));
    edits.push_back(ms_since(edit));
    const double after_edit = bench.cpu_ms();
    edit_cpu.push_back(after_edit - before);
    const auto of_pod = Clock::now();
    bench.client().put_file("pod0", "pod.yaml",
                            pod_text(0, kApps) + "# " + std::to_string(i) + "\n");
    (void)bench.await<worker::Resolved>(bench.client().resolve(endpoints));
    pod_edits.push_back(ms_since(of_pod));
    const double after_pod = bench.cpu_ms();
    pod_cpu.push_back(after_pod - after_edit);
    const auto idle = Clock::now();
    (void)bench.await<worker::Resolved>(bench.client().resolve(endpoints));
    nothing.push_back(ms_since(idle));
    nothing_cpu.push_back(bench.cpu_ms() - after_pod);
  }
  bench::report("worker edit of a policy to resolved", edits, "ms");
  bench::report("worker edit of a policy, CPU of the process", edit_cpu, "ms");
  bench::report("worker edit of a pod to resolved", pod_edits, "ms");
  bench::report("worker edit of a pod, CPU of the process", pod_cpu, "ms");
  bench::report("worker resolution without an edit", nothing, "ms");
  bench::report("worker resolution without an edit, CPU of the process", nothing_cpu, "ms");

  std::vector<double> compiles;
  for (std::size_t i = 0; i < std::min(rounds, locals); ++i) {
    const auto compile = Clock::now();
    (void)bench.await<worker::Compiled>(bench.client().compile(resolved.endpoints[i].shape, 1));
    compiles.push_back(ms_since(compile));
  }
  bench::report("worker compile", compiles, "ms");
  bench::report("worker resident at the end", {bench.resident_mib()}, "MiB");
  return 0;
}
