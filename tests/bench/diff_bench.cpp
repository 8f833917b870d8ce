// `policyc diff` after a change of one policy: two folders with 10,000 policies in 200 namespaces,
// one file for each namespace, and 10,000 pods. Wall time of the whole command, and of its phases.
// Usage: diff_bench [POLICIES]
#include <chrono>
#include <iostream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "compiler/diff/diff.h"
#include "compiler/manifest/document.h"
#include "compiler/policy/reader.h"
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

std::vector<std::string> texts(std::size_t count, bool edited) {
  std::vector<std::string> files(kNamespaces + 1);
  for (std::size_t i = 0; i < count; ++i)
    files[i % kNamespaces] +=
        policy(i % kNamespaces, i / kNamespaces, edited && i == count / 2 ? "9000" : "8000");
  for (std::size_t i = 0; i < count; ++i) files.back() += pod(i);
  return files;
}

struct Side {
  source::SourceMap sources;
  diag::Engine diagnostics;
  policy::Options agent;
  policy::ReadResult read;
  policy::Resolved resolved;
  double parse = 0, resolve = 0;

  void run(const std::vector<std::string>& files) {
    const auto start = Clock::now();
    std::vector<manifest::Document> documents;
    for (std::size_t i = 0; i < files.size(); ++i) {
      const auto file = sources.add_file(std::to_string(i) + ".yaml", files[i]);
      auto more = manifest::read_documents(sources, file, diagnostics);
      std::move(more.begin(), more.end(), std::back_inserter(documents));
    }
    read = policy::read_documents(documents, {}, diagnostics);
    parse = milliseconds_since(start);
    const auto then = Clock::now();
    resolved = policy::resolve(read.policies, read.cluster, agent, diagnostics);
    resolve = milliseconds_since(then);
  }
  [[nodiscard]] explain::Model model() const { return {read.cluster, resolved, agent, sources}; }
};

}  // namespace

int main(int argc, char** argv) {
  const std::size_t count = argc > 1 ? std::stoul(argv[1]) : 10000;
  const auto old_files = texts(count, false);
  const auto new_files = texts(count, true);
  std::vector<double> whole, read, resolve, compare;
  const int runs = count < 1000 ? 1 : 5;
  for (int i = 0; i < runs; ++i) {
    const auto before = std::make_unique<Side>();
    const auto after = std::make_unique<Side>();
    const auto start = Clock::now();
    std::thread other([&] { before->run(old_files); });
    after->run(new_files);
    other.join();
    const auto then = Clock::now();
    const diff::Report report = diff::diff(before->model(), after->model(), {true, 65536});
    compare.push_back(milliseconds_since(then));
    whole.push_back(milliseconds_since(start));
    read.push_back(std::max(before->parse, after->parse));
    resolve.push_back(std::max(before->resolve, after->resolve));
    if (report.regions.size() != 2 || report.changed_policies.size() != 1) {
      std::cerr << diff::to_text(report);
      return 1;
    }
  }
  const std::string size =
      std::to_string(count) + " policies, " + std::to_string(count) + " pods, one policy changed";
  bench::report("diff of " + size, whole, "ms");
  bench::report("  read, both sides at once", read, "ms");
  bench::report("  resolve, both sides at once", resolve, "ms");
  bench::report("  compare", compare, "ms");
  return 0;
}
