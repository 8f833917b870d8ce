// Connection tables with a million entries: what a lookup costs, how long a pass of the collector
// takes and how long it holds its core without a rest. Needs root. Usage: conntrack_bench [ENTRIES]
// [RUNS]
#include <chrono>
#include <random>
#include <set>
#include <string>
#include <vector>

#include <arpa/inet.h>
#include <bpf/bpf.h>

#include "loader/conntrack/collector.h"
#include "loader/conntrack/connection.h"
#include "loader/endpoint/datapath.h"
#include "loader/testrun/frame.h"
#include "tests/bench/bench_node.h"
#include "tests/bench/report.h"
#include "tests/support/connection_entries.h"

namespace {

using namespace policyc;
using bench::must;

using Clock = std::chrono::steady_clock;

constexpr std::uint32_t kLoopback = 1;              // the interface of a test run
constexpr std::uint32_t kFirstRemote = 0x0b000000;  // 11.0.0.0
constexpr std::uint16_t kPort = 4000;
constexpr std::uint16_t kServer = 53;
constexpr std::size_t kFew = 10'000;
constexpr std::uint64_t kLongTicks = 10'000;

double milliseconds(std::chrono::nanoseconds time) {
  return std::chrono::duration<double, std::milli>(time).count();
}

IpAddress local_address() { return *parse_ip_address("10.0.0.10"); }

IpAddress remote_address(std::uint32_t number) {
  IpAddress address;
  const std::uint32_t bytes = htonl(kFirstRemote + number);
  std::memcpy(address.bytes.data(), &bytes, sizeof bytes);
  return address;
}

ct4_key key_of(std::uint32_t number) {
  ct4_key key{};
  const IpAddress local = local_address();
  std::memcpy(&key.local_address, local.bytes.data(), sizeof key.local_address);
  key.remote_address = htonl(kFirstRemote + number);
  key.local_port = htons(kPort);
  key.remote_port = htons(kServer);
  key.protocol = IPPROTO_UDP;
  return key;
}

class Node {
 public:
  explicit Node(std::uint32_t entries) : node_(sizes(entries)), entries_(entries) {
    datapath_ =
        must(endpoint::ensure_datapath(node_.paths(), node_.maps(), backend::datapath_object()));
    endpoint_value value{};
    value.identity = 5001;
    value.endpoint_id = 42;
    const IpAddress local = local_address();
    std::memcpy(&value.ipv4, local.bytes.data(), sizeof value.ipv4);
    must(node_.maps().endpoints.update(kLoopback, value));
    epoch_ = must(node_.maps().config()).policy_epoch;
  }

  // Entries [0, count), those at every `expired_of_100` of a hundred places expired. Gives
  // nanoseconds for each.
  double fill(std::uint32_t expired_of_100) const {
    missing_.clear();
    const std::uint64_t now = must(must(conntrack::CollectProgram::open(node_.paths())).now());
    const test_support::ConnectionEntries4 table(node_.maps().conntrack4.fd(),
                                                 *must(node_.maps().ct_table.lookup(0)));
    ct_value value{};
    value.policy_epoch = epoch_;
    value.decision = static_cast<std::uint32_t>(POLICYC_DECISION(POLICY_ALLOW, 1));
    value.direction = POLICYC_EGRESS;
    value.flags = CT_SEEN_REPLY;
    const auto start = Clock::now();
    for (std::uint32_t i = 0; i < entries_; ++i) {
      value.expires = i % 100 < expired_of_100 ? now - kLongTicks : now + 1000 * kLongTicks;
      // Seeds are random: of a table that is half full some may find both of their buckets full.
      if (!table.put(key_of(i), value)) missing_.insert(i);
    }
    if (missing_.size() > 1 + entries_ / 1000) {
      std::cerr << "the table is full\n";
      std::exit(1);
    }
    const std::chrono::nanoseconds taken = Clock::now() - start;
    return static_cast<double>(taken.count()) / entries_;
  }

  // Nanoseconds of from_endpoint for a packet of an established connection: of one that is looked
  // up again and again, or of another one each time. The kernel times a single run to some 30 ns,
  // its clock included, so the difference of the two is what counts.
  double packet(bool random, std::size_t packets) const {
    std::mt19937 dice(1);
    std::uniform_int_distribution<std::uint32_t> any(0, entries_ - 1);
    std::vector<double> times;
    for (std::size_t i = 0; i < packets; ++i) {
      std::uint32_t number = random ? any(dice) : 0;
      while (missing_.contains(number)) number = any(dice);
      const auto frame = testrun::make_frame(
          {local_address(), remote_address(number), IPPROTO_UDP, kPort, kServer, 0});
      LIBBPF_OPTS(bpf_test_run_opts, options);
      options.data_in = frame.data();
      options.data_size_in = static_cast<std::uint32_t>(frame.size());
      if (bpf_prog_test_run_opts(datapath_.programs[0].get(), &options) != 0 ||
          options.retval != static_cast<std::uint32_t>(POLICYC_PASS)) {
        std::cerr << "the packet of a known connection did not pass\n";
        std::exit(1);
      }
      times.push_back(options.duration);
    }
    return bench::quantile(times, 0.5);
  }

  conntrack::PassReport pass() const {
    return must(must(conntrack::Collector::open(node_.paths())).pass());
  }
  double read_all() const {
    const auto start = Clock::now();
    const std::uint64_t now = must(must(conntrack::CollectProgram::open(node_.paths())).now());
    std::size_t count = 0;
    must(conntrack::each_connection(node_.maps(), now, [&count](const conntrack::Connection&) {
      ++count;
      return true;
    }));
    if (count != entries_ - missing_.size()) std::exit(1);
    return milliseconds(Clock::now() - start);
  }

 private:
  static maps::MapSizes sizes(std::uint32_t entries) {
    maps::MapSizes sizes;
    sizes.conntrack = 2 * entries;
    return sizes;
  }
  bench::BenchNode node_;
  std::uint32_t entries_;
  mutable std::set<std::uint32_t> missing_;  // that found no room
  endpoint::Datapath datapath_;
  std::uint32_t epoch_ = 0;
};

void measure_passes(const Node& node, std::uint32_t expired_of_100, std::size_t runs,
                    const std::string& size) {
  std::vector<double> elapsed;
  std::vector<double> cpu;
  std::vector<double> stretch;
  for (std::size_t i = 0; i < runs; ++i) {
    node.fill(expired_of_100);
    const auto report = node.pass();
    elapsed.push_back(milliseconds(report.elapsed));
    cpu.push_back(milliseconds(report.cpu));
    stretch.push_back(milliseconds(report.longest_stretch));
  }
  const std::string what =
      "pass over " + size + " connections, " + std::to_string(expired_of_100) + " % expired";
  bench::report(what + ": elapsed", elapsed, "ms");
  bench::report(what + ": CPU", cpu, "ms");
  bench::report(what + ": longest stretch without a rest", stretch, "ms");
}

}  // namespace

int main(int argc, char** argv) {
  const std::uint32_t entries =
      argc > 1 ? static_cast<std::uint32_t>(std::stoul(argv[1])) : 1'000'000;
  const std::size_t runs = argc > 2 ? std::stoul(argv[2]) : entries < kFew ? 1 : 5;
  const std::string size = std::to_string(entries);
  const Node node(entries);
  std::vector<double> fills{node.fill(0)};
  bench::report("write of " + size + " connections by user space, each", fills, "ns");
  const std::size_t packets = std::min<std::size_t>(entries, 200'000);
  std::vector<double> same;
  std::vector<double> random;
  std::vector<double> reads;
  for (std::size_t i = 0; i < runs; ++i) {
    same.push_back(node.packet(false, packets));
    random.push_back(node.packet(true, packets));
    reads.push_back(node.read_all());
  }
  bench::report("established packet, always the same connection, single runs", same, "ns");
  bench::report("established packet, a random one of " + size + " connections, single runs", random,
                "ns", bench::quantile(same, 0.5));
  bench::report("read of " + size + " connections as policyc ct list does, no rest", reads, "ms");
  for (const std::uint32_t expired : {0U, 50U, 100U}) measure_passes(node, expired, runs, size);
  return 0;
}
