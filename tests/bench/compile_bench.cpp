// What one endpoint's compilation costs, from IR to object, in CPU time; what it is made of; and
// what two threads gain. Usage: compile_bench [ROUNDS]
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

#include "compiler/driver/compilation.h"
#include "tests/bench/policies.h"
#include "tests/bench/report.h"

namespace {

using namespace policyc;

// The compiler works on a thread of its own, so it is the process's CPU time that counts.
double cpu_ms() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
}

double wall_ms() {
  return std::chrono::duration<double, std::milli>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

source::SourceMap manifest_text(std::uint32_t lines) {
  source::SourceMap sources;
  std::string text;
  for (std::uint32_t i = 0; i < lines; ++i) text += "      - port: \"" + std::to_string(i) + "\"\n";
  sources.add_file("policy.yaml", std::move(text));
  return sources;
}

ir::Shape optimised(ir::EndpointPolicy policy) {
  passes::Report report;
  if (passes::run(policy, report) != passes::Outcome::Done) std::abort();
  return ir::make_shape(policy);
}

void must(bool good, const std::string& what) {
  if (good) return;
  std::cerr << what << "\n";
  std::exit(1);
}

void compile(const ir::EndpointPolicy& policy, const source::SourceMap& sources) {
  const auto compiled = driver::compile_shape(optimised(policy), sources);
  must(compiled.has_value(), compiled ? "" : compiled.error().message);
}

std::vector<double> repeat(std::size_t rounds, const std::function<double()>& clock,
                           const std::function<void()>& work) {
  std::vector<double> times;
  for (std::size_t i = 0; i < rounds; ++i) {
    const double before = clock();
    work();
    times.push_back(clock() - before);
  }
  return times;
}

void one_size(const bench::PolicySize& size, std::size_t rounds) {
  const std::string name = std::to_string(size.rules) + " rules, " + std::to_string(size.ports) +
                           " ports, " + std::to_string(size.peers) + " peers";
  const auto policy = bench::make_policy(size);
  const auto sources = manifest_text(size.rules + 20);
  const ir::Shape shape = optimised(policy);
  const emit::Emitted emitted = emit::emit(shape);
  const auto whole = repeat(rounds, cpu_ms, [&] { compile(policy, sources); });
  bench::report("IR to object, CPU: " + name, whole, "ms");
  const double median = bench::quantile(whole, 0.5);
  bench::report("  passes and shape: " + name,
                repeat(rounds, cpu_ms, [&] { (void)optimised(policy); }), "ms", median);
  bench::report("  emission: " + name, repeat(rounds, cpu_ms, [&] { (void)emit::emit(shape); }),
                "ms", median);
  bench::report(
      "  clang and LLVM: " + name,
      repeat(rounds, cpu_ms,
             [&] {
               must(backend::compile(emitted.file_name, emitted.text, backend::Output::Object)
                        .has_value(),
                    "clang");
             }),
      "ms", median);
}

// Compilations in a second by one thread and by two, side by side.
void threads(std::size_t rounds) {
  constexpr std::size_t kPolicies = 16;
  const auto sources = manifest_text(100);
  std::vector<ir::EndpointPolicy> policies;
  for (std::uint32_t i = 0; i < kPolicies; ++i) policies.push_back(bench::make_policy({}, i));
  const auto all = [&](std::size_t first, std::size_t step) {
    for (std::size_t i = first; i < policies.size(); i += step) compile(policies[i], sources);
  };
  std::vector<double> one, two;
  for (std::size_t round = 0; round < std::max<std::size_t>(3, rounds / 3); ++round) {
    double start = wall_ms();
    all(0, 1);
    one.push_back(kPolicies * 1e3 / (wall_ms() - start));
    start = wall_ms();
    std::thread other(all, 1, 2);
    all(0, 2);
    other.join();
    two.push_back(kPolicies * 1e3 / (wall_ms() - start));
  }
  bench::report("compilations, one thread", one, "per second");
  bench::report("compilations, two threads", two, "per second", bench::quantile(one, 0.5));
}

}  // namespace

int main(int argc, char** argv) {
  const std::size_t rounds = argc > 1 ? std::stoul(argv[1]) : 21;
  compile(bench::make_policy({}), manifest_text(100));  // loads clang
  for (const bench::PolicySize size :
       {bench::PolicySize{2, 2, 2}, bench::PolicySize{20, 10, 10}, bench::PolicySize{100, 50, 50},
        bench::PolicySize{1000, 500, 100}, bench::PolicySize{10000, 2000, 500}}) {
    one_size(size, rounds);
  }
  threads(rounds);
  return 0;
}
