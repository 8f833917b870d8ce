// What the IR costs: the passes, the shape and its hash, the text form. CPU time of one thread.
// Usage: ir_bench [RUNS]
#include <ctime>
#include <iostream>
#include <string>
#include <vector>

#include "compiler/ir/printer.h"
#include "compiler/ir/shape.h"
#include "compiler/irtext/reader.h"
#include "compiler/passes/pass.h"
#include "tests/bench/report.h"

namespace {

using namespace policyc;

double cpu_ms() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
}

// Ingress rules as the builder writes them: each names a port of `ports`, and every tenth a range
// as well; two in three name one peer, one in three two.
ir::EndpointPolicy built(std::uint32_t rules, std::uint32_t ports) {
  ir::EndpointPolicy policy;
  policy.stage = ir::Stage::Built;
  policy.subject = "bench";
  policy.entities = {{"host", policy::Selector{{{"reserved", "host", policy::Operator::Exists, {}}},
                                               "reserved:host"}}};
  for (std::uint32_t i = 0; i < rules / 2; ++i) {
    policy::Selector selector;
    selector.requirements = {
        {"any", "app", policy::Operator::In, {"app" + std::to_string(i)}},
        {"k8s", "io.kubernetes.pod.namespace", policy::Operator::In, {"shop"}}};
    selector.text = selector.serialise();
    policy.predicates.emplace_back(std::move(selector));
  }
  auto& part = policy.directions[0];
  part.enforced = part.default_deny = true;
  for (std::uint32_t i = 0; i < rules; ++i) {
    ir::Rule rule;
    rule.id = i + 1;
    rule.precedence = 0;
    if (i % 16 == 7) rule.verdict = ir::Verdict::Deny;
    const auto count = static_cast<std::uint32_t>(policy.predicates.size());
    rule.peers = {i * 7 % count};
    if (i % 3 == 0) rule.peers.push_back((i * 7 + 1) % count);
    rule.statements = {{6, static_cast<std::uint16_t>(1000 + i * 13 % ports), 0, {}}};
    if (i % 10 == 0) {
      const auto first = static_cast<std::uint16_t>(20000 + i * 3);
      rule.statements.push_back({17, first, static_cast<std::uint16_t>(first + 50), {}});
    }
    rule.origin = {"CiliumNetworkPolicy/shop/policy-" + std::to_string(i / 20),
                   "spec.ingress[" + std::to_string(i % 20) + "]", "shop/policies.yaml",
                   i * 9 + 11};
    part.rules.push_back(std::move(rule));
  }
  ir::Rule local;
  local.id = rules + 1;
  local.precedence = 0;
  local.entities = {0};
  local.statements = {{}};
  local.origin.object = "agent option allow-localhost";
  part.rules.push_back(std::move(local));
  return policy;
}

int measure(std::uint32_t rules, std::uint32_t ports, std::size_t runs, double target) {
  const ir::EndpointPolicy source = built(rules, ports);
  const std::string of =
      " of " + std::to_string(rules) + " rules, " + std::to_string(ports) + " ports";
  std::vector<double> passes_ms;
  std::vector<double> shape_ms;
  std::vector<double> print_ms;
  std::vector<double> read_ms;
  for (std::size_t i = 0; i < runs; ++i) {
    ir::EndpointPolicy policy = source;
    passes::Report report;
    double start = cpu_ms();
    if (passes::run(policy, report) != passes::Outcome::Done) return 1;
    passes_ms.push_back(cpu_ms() - start);
    start = cpu_ms();
    const ir::Shape shape = ir::make_shape(policy);
    shape_ms.push_back(cpu_ms() - start);
    if (i % 10 == 0) {
      start = cpu_ms();
      const std::string text = ir::print(policy);
      print_ms.push_back(cpu_ms() - start);
      start = cpu_ms();
      if (!irtext::read(text)) return 1;
      read_ms.push_back(cpu_ms() - start);
    }
  }
  bench::report("passes" + of, passes_ms, "ms", target);
  bench::report("make_shape with its hash" + of, shape_ms, "ms");
  bench::report("print IR" + of, print_ms, "ms");
  bench::report("read IR text" + of, read_ms, "ms");
  if (runs < 10) return 0;
  for (const passes::Pass& pass : passes::pipeline()) {
    std::vector<double> ms;
    for (std::size_t i = 0; i < runs / 5; ++i) {
      ir::EndpointPolicy policy = source;
      passes::Report report;
      for (const passes::Pass& before : passes::pipeline()) {
        if (&before == &pass) break;
        if (passes::run_pass(before, policy, report) != passes::Outcome::Done) return 1;
      }
      const double start = cpu_ms();
      if (passes::run_pass(pass, policy, report) != passes::Outcome::Done) return 1;
      ms.push_back(cpu_ms() - start);
    }
    bench::report("pass " + std::string(pass.name) + of, ms, "ms");
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::size_t runs = argc > 1 ? std::stoul(argv[1]) : 101;
  const int small = measure(20, 15, runs, 0.15);
  return small != 0 ? small : measure(1000, 500, runs, 1.5);
}
