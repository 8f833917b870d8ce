// Cost of a packet by path: medians of BPF_PROG_TEST_RUN, less an empty program, beside the cost of
// one lookup in an LRU hash with the same keys. Usage: datapath_bench [ROUNDS]. Needs root.
#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <functional>
#include <thread>
#include <vector>

#include "tests/bench/report.h"
#include "tests/kernel/datapath.h"
#include "tests/kernel/flow.h"

namespace policyc::kernel_test {
namespace {

constexpr std::uint32_t kFlows = 16384;  // of policies/bench.bpf.c
constexpr std::uint32_t kRepeat = 1'000'000;

int rounds = 15;

std::vector<double> measure(const std::function<std::uint32_t()>& run) {
  std::vector<double> all;
  for (int i = 0; i < rounds; ++i) all.push_back(run());
  return all;
}

void full_size(bpf_object* object) {
  set_connections(object, 262144);
  bpf_map__set_max_entries(bpf_object__find_map_by_name(object, "ipcache4"), 65536);
}

// As an agent does, on the other CPU.
class ReaderThread {
 public:
  explicit ReaderThread(const Datapath& datapath)
      : ring_(std::move(*events::Ring::open(datapath.map("event_heads"),
                                            datapath.map("event_slots"), events::From::Now))),
        thread_([this] {
          while (!stop_) {
            read_ += ring_.read().events.size();
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
          }
        }) {}
  ~ReaderThread() {
    stop_ = true;
    thread_.join();
  }
  ReaderThread(const ReaderThread&) = delete;
  ReaderThread& operator=(const ReaderThread&) = delete;

 private:
  events::Ring ring_;
  std::atomic<bool> stop_ = false;
  std::atomic<std::size_t> read_ = 0;
  std::thread thread_;
};

class Bench {
 public:
  Bench() : datapath_(Datapath::ready(Policy::Matrix, full_size)) {
    // The table's other addresses: lookups do not find it empty.
    for (std::uint32_t i = 0; i < 10000; ++i) {
      datapath_->put("ipcache4", __builtin_bswap32(0x0a010000 + i),
                     ipcache_value{.identity = 6000, .peer_class = 9, .interface_index = 0});
    }
  }

  void run() {
    const Bytes any = tcp({Hook::FromEndpoint, 4}, kAck);
    floor_ = bench::quantile(repeat(program("bench_empty"), any), 0.5);
    target("bench_empty");
    flow_floor_ = bench::quantile(repeat(program("bench_next_flow4"), any), 0.5);
    reference();
    for (const int family : {4, 6}) established(family);
    events_on(NODE_TRACE_VERDICTS, 0);
    const ReaderThread reader(*datapath_);
    for (const int family : {4, 6}) denied(family, ", events read, no rate limit");
    for (const int family : {4, 6}) fresh(family);
    events_on(NODE_TRACE_VERDICTS, 100);
    denied(4, ", events read, rate limit");
    // Without policy in either direction.
    datapath_->set_endpoint(ENDPOINT_UNENFORCED);
    const Way out{Hook::FromEndpoint, 4};
    report("no policy in either direction, IPv4", repeat(datapath_->program(out.hook), any),
           floor_);
  }

 private:
  [[nodiscard]] int program(const char* name) const { return datapath_->program(name); }
  void target(const char* name) { datapath_->put("bench_target", std::uint32_t{0}, program(name)); }

  [[nodiscard]] std::vector<double> repeat(int fd, const Bytes& bytes,
                                           std::uint32_t count = kRepeat) const {
    return measure([&] { return datapath_->run(fd, bytes, {.repeat = count}).nanoseconds; });
  }

  void report(const std::string& name, std::vector<double> values, double floor) const {
    for (double& value : values) value -= floor;
    if (lookup_ > 0) {
      bench::report(name, values, "ns", lookup_);
    } else {
      bench::report(name, values, "ns");
    }
  }

  void reference() {
    const Bytes any = tcp({Hook::FromEndpoint, 4}, kAck);
    bench::report("empty program", {floor_}, "ns");
    (void)datapath_->run(program("bench_lru_fill"), any, {.repeat = kFlows});
    auto same = repeat(program("bench_lru_same"), any);
    report("one lookup in an LRU hash, one flow", same, floor_);
    lookup_ = bench::quantile(same, 0.5) - floor_;
    report("one lookup in an LRU hash, 16384 flows", repeat(program("bench_lru_next"), any),
           floor_);
    const auto insert = [&](const char* map, const char* fill) {
      return measure([&] {
        empty(map, ct4_key{});
        return datapath_->run(program(fill), any, {.repeat = kFlows}).nanoseconds;
      });
    };
    report("one insertion into an LRU hash", insert("bench_lru", "bench_lru_fill"), floor_);
    report("one insertion into a hash", insert("bench_hash", "bench_hash_fill"), floor_);
  }

  void events_on(std::uint32_t flags, std::uint32_t per_tick) {
    datapath_->set_config(flags);
    auto config = datapath_->get<node_config_value>("node_config", std::uint32_t{0}).value();
    config.events_per_tick = per_tick;
    config.event_burst = EVENT_SLOTS / 2;
    datapath_->put("node_config", std::uint32_t{0}, config);
  }

  void established(int family) {
    const Way out{Hook::FromEndpoint, family};
    const Way in{Hook::ToEndpoint, family};
    const std::string suffix = ", IPv" + std::to_string(family);
    for (const auto& [way, name] : {std::pair(out, "egress"), std::pair(in, "ingress")}) {
      (void)datapath_->run(way.hook, tcp(way, kSyn));
      (void)datapath_->run(opposite(way.hook), tcp_reply(way, kSyn | kAck));
      (void)datapath_->run(way.hook, tcp(way, kAck));
      report(std::string("established, ") + name + suffix,
             repeat(datapath_->program(way.hook), tcp(way, kAck)), floor_);
      report(std::string("reply of ") + name + suffix,
             repeat(datapath_->program(opposite(way.hook)), tcp_reply(way, kAck)), floor_);
    }
    const std::string number = std::to_string(family);
    for (const auto& [way, name, program_name] :
         {std::tuple(out, "egress", "from_endpoint"), std::tuple(in, "ingress", "to_endpoint")}) {
      target(program_name);
      (void)datapath_->run(program(("bench_make_flow" + number).c_str()), tcp(way, kSyn),
                           {.repeat = kFlows});
      report(std::string("established, 16384 flows, ") + name + suffix,
             repeat(program(("bench_next_flow" + number).c_str()), tcp(way, kAck)), flow_floor_);
      empty_connections();
    }
  }

  void denied(int family, const std::string& what) {
    for (const auto& [way, name] : {std::pair(Way{Hook::FromEndpoint, family}, "egress"),
                                    std::pair(Way{Hook::ToEndpoint, family}, "ingress")}) {
      report(std::string("denied, ") + name + ", IPv" + std::to_string(family) + what,
             repeat(datapath_->program(way.hook), tcp(way, kSyn, 40000, 81)), floor_);
    }
  }

  // Every packet another connection, into an empty table.
  void fresh(int family) {
    const char* next = family == 4 ? "bench_next_flow4" : "bench_next_flow6";
    for (const auto& [way, name, program_name] :
         {std::tuple(Way{Hook::FromEndpoint, family}, "egress", "from_endpoint"),
          std::tuple(Way{Hook::ToEndpoint, family}, "ingress", "to_endpoint")}) {
      target(program_name);
      const Bytes syn = tcp(way, kSyn);
      report(std::string("new, ") + name + ", IPv" + std::to_string(family) + ", events read",
             measure([&] {
               empty_connections();
               return datapath_->run(program(next), syn, {.repeat = kFlows}).nanoseconds;
             }),
             flow_floor_);
    }
  }

  template <class Key>
  void empty(const char* name, Key key) {
    std::vector<Key> keys;
    const int map = datapath_->map(name);
    for (int error = bpf_map_get_next_key(map, nullptr, &key); error == 0;
         error = bpf_map_get_next_key(map, &key, &key))
      keys.push_back(key);
    for (const Key& one : keys) bpf_map_delete_elem(map, &one);
  }

  void empty_connections() {
    datapath_->entries4().clear();
    datapath_->entries6().clear();
  }

  std::unique_ptr<Datapath> datapath_;
  double floor_ = 0, flow_floor_ = 0, lookup_ = 0;
};

}  // namespace
}  // namespace policyc::kernel_test

int main(int argc, char** argv) {
  if (argc > 1) policyc::kernel_test::rounds = std::atoi(argv[1]);
  policyc::kernel_test::Bench().run();
  return 0;
}
