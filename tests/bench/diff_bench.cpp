// `policyc diff` after a change of one policy: two folders with 10,000 policies in 200 namespaces,
// one file for each namespace, and 10,000 pods. Wall time of reading and comparing them, and
// processor time. Usage: diff_bench [POLICIES]
#include <algorithm>
#include <array>
#include <chrono>
#include <ctime>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

#include "compiler/diff/diff.h"
#include "compiler/diff/read.h"
#include "tests/bench/report.h"

namespace {

using namespace policyc;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kNamespaces = 200;
constexpr std::size_t kApps = 50;  // of a namespace

double milliseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

std::string app(std::size_t number) { return "app" + std::to_string(number % kApps); }

std::string policy(std::size_t ns, std::size_t number, const std::string& port) {
  return "---\napiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata:\n  name: p" +
         std::to_string(number) + "\n  namespace: ns" + std::to_string(ns) +
         "\nspec:\n  endpointSelector:\n    matchLabels:\n      app: " + app(number) +
         "\n  ingress:\n  - fromEndpoints:\n    - matchLabels:\n        app: " + app(number + 1) +
         "\n    toPorts:\n    - ports:\n      - port: \"" + port +
         "\"\n        protocol: TCP\n  egress:\n  - toEndpoints:\n"
         "    - matchLabels:\n        app: " +
         app(number + 2) + "\n  - toCIDR:\n    - 10." + std::to_string(number % 200) + ".0.0/16\n";
}

std::string pod(std::size_t number) {
  const std::size_t ns = number % kNamespaces;
  return "---\napiVersion: v1\nkind: Pod\nmetadata:\n  name: pod-" + std::to_string(number) +
         "\n  namespace: ns" + std::to_string(ns) +
         "\n  labels:\n    app: " + app(number / kNamespaces) +
         "\nspec:\n  containers:\n  - name: main\n    ports:\n    - name: web\n      "
         "containerPort: 8080\nstatus:\n  podIP: 10.244." +
         std::to_string(number / 250) + "." + std::to_string(number % 250 + 1) + "\n";
}

// One file for each namespace, and one with all pods.
std::vector<diff::Text> texts(const std::string& folder, std::size_t count, bool edited) {
  std::vector<diff::Text> files(kNamespaces + 1);
  for (std::size_t i = 0; i < files.size(); ++i)
    files[i].name = folder + "/" + std::to_string(i) + ".yaml";
  for (std::size_t i = 0; i < count; ++i)
    files[i % kNamespaces].text +=
        policy(i % kNamespaces, i / kNamespaces, edited && i == count / 2 ? "9000" : "8000");
  for (std::size_t i = 0; i < count; ++i) files.back().text += pod(i);
  return files;
}

}  // namespace

int main(int argc, char** argv) {
  const std::size_t count = argc > 1 ? std::stoul(argv[1]) : 10000;
  const auto old_files = texts("old", count, false);
  const auto new_files = texts("new", count, true);
  std::vector<double> whole, read, compare, processor;
  diff::ReadOptions options;
  options.workers = std::clamp(std::thread::hardware_concurrency(), 1U, 8U);
  const int runs = count < 1000 ? 1 : 7;
  for (int i = 0; i < runs; ++i) {
    std::array<std::vector<diff::Text>, 2> both{old_files, new_files};
    const std::clock_t cpu = std::clock();
    const auto start = Clock::now();
    const auto sides = diff::read_sides(std::move(both), options);
    const auto then = Clock::now();
    const diff::Report report = diff::diff(sides->model(0), sides->model(1), {true, 65536});
    compare.push_back(milliseconds_since(then));
    whole.push_back(milliseconds_since(start));
    processor.push_back(1e3 * static_cast<double>(std::clock() - cpu) / CLOCKS_PER_SEC);
    read.push_back(whole.back() - compare.back());
    if (report.regions.size() != 2 || report.changed_policies.size() != 1) {
      std::cerr << diff::to_text(report);
      return 1;
    }
  }
  const std::string size =
      std::to_string(count) + " policies, " + std::to_string(count) + " pods, one policy changed";
  bench::report("diff of " + size, whole, "ms");
  bench::report("  read both sides and resolve their policies", read, "ms");
  bench::report("  compare", compare, "ms");
  bench::report("  processor time of all threads", processor, "ms");
  return 0;
}
