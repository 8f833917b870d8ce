// Backends come and go while a client exchanges messages with their service, one connection after
// the other: services_soak sockets|packets|nodeport [SECONDS]. Every 10 ms something changes: a
// backend comes, one terminates, one that has terminated for a while goes. Every exchange must
// succeed, because the servers themselves live all the time; the program ends with 1 as soon as one
// does not, and when entries are left. Whenever it ends, nothing of it stays. `nodeport` is
// nodeport_soak.h. Needs root.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <deque>
#include <iostream>
#include <random>
#include <set>
#include <thread>

#include "loader/conntrack/collector.h"
#include "tests/bench/services/nodeport_soak.h"
#include "tests/bench/services/policyc_services.h"
#include "tests/bench/services/supervised.h"

namespace {

using namespace policyc;
using namespace policyc::bench;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kStep(10);
constexpr std::size_t kStepsOfTermination = 30;  // an exchange is over long before

struct Terminating {
  int index;
  std::size_t gone_at;  // step
};

// The last of its connections ends with a reset, which is remembered for ten seconds.
void expect_no_entries(const endpoint::Paths& paths) {
  std::this_thread::sleep_for(std::chrono::seconds(CT_LIFETIME_CLOSE + 3));
  std::size_t live = 0;
  for (int pass = 0; pass < 2; ++pass) {
    live = 0;
    const auto report = must(must(conntrack::Collector::open(paths)).pass());
    for (const conntrack::TableReport& table : report.tables) live += table.live;
  }
  std::cout << "connections left: " << live << "\n";
  if (live != 0) std::exit(1);
}

std::size_t change_for(Clock::time_point end, PolicycServices& implementation,
                       const TcpAddress& frontend) {
  std::minstd_rand dice(1);
  std::set<int> active{0, 1, 2};
  std::deque<Terminating> leaving;
  std::size_t step = 0;
  for (; Clock::now() < end; std::this_thread::sleep_for(kStep), ++step) {
    while (!leaving.empty() && leaving.front().gone_at <= step) leaving.pop_front();
    const int index = static_cast<int>(dice() % kServerAddresses);
    const bool is_leaving = std::ranges::any_of(
        leaving, [index](const Terminating& one) { return one.index == index; });
    if (active.contains(index)) {
      if (active.size() > 1) {
        active.erase(index);
        leaving.push_back({index, step + kStepsOfTermination});
      }
    } else if (!is_leaving) {
      active.insert(index);
    }
    std::vector<StatedBackend> backends;
    for (const int one : active) backends.push_back({Topology::endpoint(one), BACKEND_ACTIVE});
    for (const Terminating& one : leaving)
      backends.push_back({Topology::endpoint(one.index), BACKEND_TERMINATING});
    implementation.set_backends(frontend, backends);
  }
  return step;
}

void soak(const std::string& kind, int seconds) {
  const Topology topology;
  std::unique_ptr<PolicycServices> implementation;
  if (kind == "sockets") {
    implementation = std::make_unique<PolicycSockets>();
  } else {
    implementation = std::make_unique<PolicycPackets>(false);
  }
  const Service service{{"10.96.0.1", 80}, {Topology::endpoint(0)}};
  implementation->setup(topology, {service});
  const auto end = Clock::now() + std::chrono::seconds(seconds);
  std::atomic<std::size_t> exchanges = 0;
  std::size_t changes = 0;
  topology.client().inside(Topology::kCpu, [&] {
    implementation->enter_client();
    std::thread changing([&] { changes = change_for(end, *implementation, service.frontend); });
    while (Clock::now() < end) exchanges += exchange_times(service.frontend, Round(100)).size();
    changing.join();
    implementation->leave_client();
  });
  std::cout << exchanges << " exchanges, " << changes << " changes, none failed\n";
  if (kind == "packets") expect_no_entries(implementation->paths());
  implementation->teardown(topology);
}

}  // namespace

int main(int argc, char** argv) {
  const std::string kind = argc > 1 ? argv[1] : "";
  const int seconds = argc > 2 ? std::atoi(argv[2]) : 600;
  if ((kind != "sockets" && kind != "packets" && kind != "nodeport") || seconds < 1) {
    std::cerr << "usage: services_soak sockets|packets|nodeport [SECONDS]\n";
    return 2;
  }
  return run_supervised([&] {
    if (kind == "nodeport")
      soak_node_port(seconds);
    else
      soak(kind, seconds);
    return 0;
  });
}
