#include "tests/bench/services/comparison.h"

#include <chrono>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <set>

#include <sys/resource.h>

#include "tests/bench/report.h"
#include "tests/bench/services/direct.h"
#include "tests/bench/services/iptables.h"
#include "tests/bench/services/kernel_memory.h"
#include "tests/bench/services/nftables.h"
#include "tests/bench/services/policyc_services.h"

namespace policyc::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kBackends = 3;
constexpr std::uint16_t kServicePort = 80;
// Loading is repeated as often as everything else, but not once it has taken so long.
constexpr double kLoadBudgetMs = 10000;
constexpr int kConnectionsToSeeAll = 200;  // missing one of four backends: 0.75^200

double cpu_ms() {
  double result = 0;
  for (const auto who : {RUSAGE_SELF, RUSAGE_CHILDREN}) {
    rusage usage{};
    ::getrusage(who, &usage);
    for (const timeval& time : {usage.ru_utime, usage.ru_stime})
      result += static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_usec) / 1e3;
  }
  return result;
}

// In milliseconds.
struct Cost {
  double wall, cpu;
};

Cost cost_of(const std::function<void()>& action) {
  const double cpu = cpu_ms();
  const auto start = Clock::now();
  action();
  const std::chrono::duration<double, std::milli> wall = Clock::now() - start;
  return {wall.count(), cpu_ms() - cpu};
}

double rate(const std::vector<double>& microseconds) { return 1e6 / quantile(microseconds, 0.5); }

// 16 bits below `prefix`, none of the last byte 0 or 255.
std::string numbered_address(const std::string& prefix, std::size_t number) {
  return prefix + std::to_string(number / 250) + "." + std::to_string(number % 250 + 1);
}

// Only the last one's backends answer.
std::vector<Service> make_services(std::size_t count) {
  std::vector<Service> services(count);
  for (std::size_t i = 0; i < count; ++i) {
    services[i].frontend = {numbered_address("10.96.", i), kServicePort};
    for (int backend = 0; backend < kBackends; ++backend) {
      const bool last = i + 1 == count;
      services[i].backends.push_back(
          last ? Topology::endpoint(backend)
               : TcpAddress{numbered_address(backend == 0 ? "10.82." : "10.83.", i),
                            static_cast<std::uint16_t>(kServerPort + backend)});
    }
  }
  return services;
}

class Candidate {
 public:
  Candidate(const std::string& name, std::vector<Service> services)
      : implementation_(make_implementation(name)), services_(std::move(services)) {
    measured_.implementation = implementation_->name();
    measured_.services = services_.size();
  }

  // Again from nothing, unless that has taken long enough.
  void load(double budget_ms) {
    if (loaded_ && (!implementation_->translates() || loading_ms_ > budget_ms)) return;
    if (loaded_) implementation_->teardown(topology_);
    const auto memory = kernel_memory();
    const Cost cost = cost_of([&] { implementation_->setup(topology_, services_); });
    const auto memory_after = kernel_memory();
    loading_ms_ += cost.wall;
    loaded_ = true;
    if (!implementation_->translates()) return;
    measured_.load_ms.push_back(cost.wall);
    measured_.load_cpu_ms.push_back(cost.cpu);
    if (memory && memory_after) measured_.memory_mib.push_back(*memory_after - *memory);
  }

  // A load balancer that does not balance, or to the wrong place, is not worth measuring.
  void check_backends() {
    std::set<std::string> expected;
    if (implementation_->translates()) {
      for (const TcpAddress& backend : services_.back().backends) expected.insert(backend.address);
    } else {
      expected = {target().address};
    }
    std::set<std::string> seen;
    as_client([&] { seen = arrivals(target(), kConnectionsToSeeAll); });
    if (seen == expected) return;
    std::cerr << implementation_->name() << " with " << services_.size()
              << " services: connections reach " << seen.size() << " backends, not "
              << expected.size() << "\n";
    std::exit(1);
  }

  void measure_connect(Round round, bool keep) {
    std::vector<double> times;
    as_client([&] { times = connect_times(target(), round); });
    if (!keep) return;
    measured_.connect_p50_us.push_back(quantile(times, 0.5));
    measured_.connect_p99_us.push_back(quantile(times, 0.99));
  }
  void measure_exchanges(Round round) {
    as_client([&] { measured_.exchanges.push_back(rate(exchange_times(target(), round))); });
  }
  void measure_requests(Round round) {
    as_client([&] { measured_.requests.push_back(rate(request_times(target(), round))); });
  }

  // One more backend, then one less again.
  void measure_added_backend() {
    if (!implementation_->translates()) return;
    auto& backends = services_.back().backends;
    backends.push_back(Topology::endpoint(kBackends));
    const std::size_t last = services_.size() - 1;
    const Cost cost =
        cost_of([&] { implementation_->change_backends(topology_, services_, last); });
    measured_.add_backend_ms.push_back(cost.wall);
    measured_.add_backend_cpu_ms.push_back(cost.cpu);
    check_backends();
    backends.pop_back();
    implementation_->change_backends(topology_, services_, last);
    check_backends();
  }

  Measured finish() {
    implementation_->teardown(topology_);
    return std::move(measured_);
  }

 private:
  [[nodiscard]] const TcpAddress& target() const {
    const Service& last = services_.back();
    return implementation_->translates() ? last.frontend : last.backends.front();
  }

  void as_client(const std::function<void()>& action) const {
    topology_.client().inside(Topology::kCpu, [&] {
      implementation_->enter_client();
      action();
      implementation_->leave_client();
    });
  }

  std::unique_ptr<Implementation> implementation_;
  std::vector<Service> services_;
  Topology topology_;
  bool loaded_ = false;
  double loading_ms_ = 0;
  Measured measured_;
};

}  // namespace

std::unique_ptr<Implementation> make_implementation(const std::string& name) {
  if (name == "direct") return std::make_unique<Direct>();
  if (name == "nftables") return std::make_unique<Nftables>();
  if (name == "iptables-legacy") return std::make_unique<Iptables>(Iptables::Comments::AsKubeProxy);
  if (name == "iptables-legacy-comments")
    return std::make_unique<Iptables>(Iptables::Comments::Always);
  if (name == "policyc-sockets") return std::make_unique<PolicycSockets>();
  if (name == "policyc-packets") return std::make_unique<PolicycPackets>(false);
  if (name == "policyc-packets-delivery") return std::make_unique<PolicycPackets>(true);
  return nullptr;
}

std::vector<Measured> compare(const Options& options) {
  std::vector<std::unique_ptr<Candidate>> candidates;
  for (const std::size_t services : options.services) {
    for (const std::string& name : options.implementations)
      candidates.push_back(std::make_unique<Candidate>(name, make_services(services)));
  }
  // Each turn begins with another one: what follows on something slow pays for its cold caches.
  const auto each = [&](int repeat, const std::function<void(Candidate&)>& action) {
    for (std::size_t i = 0; i < candidates.size(); ++i)
      action(*candidates[(i + static_cast<std::size_t>(repeat)) % candidates.size()]);
  };
  for (int repeat = 0; repeat < options.repeats; ++repeat)
    each(repeat, [&](Candidate& one) { one.load(kLoadBudgetMs); });
  each(0, [&](Candidate& one) {
    one.check_backends();
    one.measure_connect(options.round, false);
  });
  for (int repeat = 0; repeat < options.repeats; ++repeat) {
    each(repeat, [&](Candidate& one) { one.measure_connect(options.round, true); });
    each(repeat, [&](Candidate& one) { one.measure_exchanges(options.round); });
    each(repeat, [&](Candidate& one) { one.measure_requests(options.round); });
  }
  for (int repeat = 0; repeat < options.repeats; ++repeat)
    each(repeat, [&](Candidate& one) { one.measure_added_backend(); });
  std::vector<Measured> results;
  for (const auto& candidate : candidates) results.push_back(candidate->finish());
  return results;
}

}  // namespace policyc::bench
