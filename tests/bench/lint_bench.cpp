// Lint over a made-up cluster: time by phase, processor time, peak memory, what was found.
// Usage: lint_bench [POLICIES [PODS [NAMESPACES]]] [--write DIR]; --write only writes the
// manifests.
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include <sys/resource.h>

#include "compiler/lint/lint.h"
#include "compiler/manifest/document.h"
#include "compiler/policy/entry.h"
#include "compiler/policy/reader.h"
#include "tests/bench/lint_cluster.h"
#include "tests/bench/report.h"

namespace {

using namespace policyc;
using Clock = std::chrono::steady_clock;

double milliseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

double processor_milliseconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto of = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_usec) / 1e3;
  };
  return of(usage.ru_utime) + of(usage.ru_stime);
}

double peak_mebibytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

int write(const bench::LintCluster& cluster, const std::filesystem::path& folder) {
  std::filesystem::create_directories(folder / "policies");
  std::filesystem::create_directories(folder / "pods");
  for (int i = 0; i < cluster.namespaces; ++i) {
    const std::string name = "ns" + std::to_string(i) + ".yaml";
    std::ofstream(folder / "policies" / name) << cluster.policies_of(i);
    std::ofstream(folder / "pods" / name) << cluster.pods_of(i);
  }
  return 0;
}

void measure(const bench::LintCluster& cluster) {
  source::SourceMap sources;
  std::vector<source::FileId> files;
  std::size_t bytes = 0;
  for (int i = 0; i < cluster.namespaces; ++i) {
    const std::string name = "ns" + std::to_string(i) + ".yaml";
    std::string policies = cluster.policies_of(i);
    std::string pods = cluster.pods_of(i);
    bytes += policies.size() + pods.size();
    files.push_back(sources.add_file("policies/" + name, std::move(policies)));
    files.push_back(sources.add_file("pods/" + name, std::move(pods)));
  }
  const double processor = processor_milliseconds();
  const auto start = Clock::now();
  diag::Engine diagnostics;
  std::vector<manifest::Document> documents;
  for (const source::FileId file : files) {
    auto some = manifest::read_documents(sources, file, diagnostics);
    std::move(some.begin(), some.end(), std::back_inserter(documents));
  }
  bench::report("lint.yaml", {milliseconds_since(start)}, "ms");
  auto phase = Clock::now();
  const policy::Options agent;
  const policy::ReadResult read = policy::read_documents(documents, {}, diagnostics);
  bench::report("lint.read", {milliseconds_since(phase)}, "ms");
  phase = Clock::now();
  const policy::Resolved resolved =
      policy::resolve(read.policies, read.cluster, agent, diagnostics);
  bench::report("lint.resolve", {milliseconds_since(phase)}, "ms");
  phase = Clock::now();
  lint::Options options;
  options.workers = std::clamp(std::thread::hardware_concurrency(), 1U, 8U);
  const diag::Report report =
      lint::run({sources, documents, read, resolved, agent, {}, true}, diagnostics, options);
  bench::report("lint.rules", {milliseconds_since(phase)}, "ms");
  bench::report("lint.total", {milliseconds_since(start)}, "ms");
  bench::report("lint.processor", {processor_milliseconds() - processor}, "ms");
  bench::report("lint.peak", {peak_mebibytes()}, "MiB");
  bench::report("lint.input", {static_cast<double>(bytes) / (1 << 20)}, "MiB");
  std::map<std::string, int> counts;
  for (const auto& finding : report.findings) ++counts[finding.rule];
  for (const auto& [rule, count] : counts)
    bench::report("lint.found." + rule, {static_cast<double>(count)}, "findings");
}

}  // namespace

int main(int argc, char** argv) {
  bench::LintCluster cluster;
  std::vector<int> numbers;
  std::string folder;
  for (int i = 1; i < argc; ++i) {
    if (std::string(argv[i]) == "--write" && i + 1 < argc) {
      folder = argv[++i];
    } else {
      numbers.push_back(std::atoi(argv[i]));
    }
  }
  if (!numbers.empty()) cluster.policies = numbers[0];
  cluster.pods = numbers.size() > 1 ? numbers[1] : cluster.policies;
  cluster.namespaces = numbers.size() > 2 ? numbers[2] : std::max(1, cluster.policies / 50);
  if (!folder.empty()) return write(cluster, folder);
  measure(cluster);
  return 0;
}
