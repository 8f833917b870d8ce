// Cost of a packet by path: medians of BPF_PROG_TEST_RUN, for docs/datapath.md. Needs root; not a
// test.
#include <algorithm>
#include <cstdio>
#include <vector>

#include "tests/kernel/datapath.h"
#include "tests/kernel/flow.h"

namespace policyc::kernel_test {
namespace {

constexpr int kRuns = 15;
constexpr std::uint32_t kRepeat = 1'000'000;

struct Figure {
  std::uint32_t median = 0, least = 0, most = 0;
};

Figure measure(const std::function<std::uint32_t()>& run) {
  std::vector<std::uint32_t> all;
  for (int i = 0; i < kRuns; ++i) all.push_back(run());
  std::sort(all.begin(), all.end());
  return {all[kRuns / 2], all.front(), all.back()};
}

void print(const char* name, const Figure& figure, const Figure& floor) {
  std::printf("| %s | %u (%u-%u) | %d |\n", name, figure.median, figure.least, figure.most,
              static_cast<int>(figure.median) - static_cast<int>(floor.median));
}

void full_size(bpf_object* object) {
  for (const char* name : {"conntrack4", "conntrack6"}) {
    bpf_map__set_max_entries(bpf_object__find_map_by_name(object, name), 262144);
  }
}

// The other addresses of the table: lookups do not find it empty.
void fill_ipcache(Datapath& datapath, std::uint32_t count) {
  for (std::uint32_t i = 0; i < count; ++i) {
    datapath.put("ipcache4", __builtin_bswap32(0x0a010000 + i),
                 ipcache_value{.identity = 6000, .peer_class = 9});
  }
}

void put_target(Datapath& datapath, const char* program) {
  datapath.put("bench_target", std::uint32_t{0}, datapath.program(program));
}

// Every packet another flow; the connection table is emptied (by loading anew) before each run.
Figure measure_flows(Policy policy, const char* target, std::uint32_t flags = 0) {
  const Bytes syn = tcp({Hook::FromEndpoint, 4}, kSyn);
  return measure([&] {
    const auto datapath = Datapath::ready(policy, full_size);
    datapath->set_config(flags);
    put_target(*datapath, target);
    return datapath->run(datapath->program("bench_next_flow"), syn, {.repeat = 60000}).nanoseconds;
  });
}

int run() {
  const auto allow = Datapath::ready(Policy::Matrix, [](bpf_object* object) {
    full_size(object);
    bpf_map__set_max_entries(bpf_object__find_map_by_name(object, "ipcache4"), 65536);
  });
  fill_ipcache(*allow, 10000);
  const auto repeat = [&](Datapath& datapath, Hook hook, const Bytes& bytes) {
    return measure([&] { return datapath.run(hook, bytes, {.repeat = kRepeat}).nanoseconds; });
  };

  std::printf("| path | ns, median of %d (range) | less the empty program |\n|---|---|---|\n",
              kRuns);
  const Bytes any = tcp({Hook::FromEndpoint, 4}, kAck);
  const Figure floor = measure([&] {
    return allow->run(allow->program("bench_empty"), any, {.repeat = kRepeat}).nanoseconds;
  });
  print("empty program", floor, floor);
  for (const int family : {4, 6}) {
    const Way out{Hook::FromEndpoint, family};
    const Way in{Hook::ToEndpoint, family};
    const std::string suffix = " IPv" + std::to_string(family);
    (void)allow->run(out.hook, tcp(out, kSyn));
    (void)allow->run(in.hook, tcp_reply(out, kSyn | kAck));
    print(("established, egress" + suffix).c_str(), repeat(*allow, out.hook, tcp(out, kAck)),
          floor);
    print(("reply, ingress" + suffix).c_str(), repeat(*allow, in.hook, tcp_reply(out, kAck)),
          floor);
    (void)allow->run(in.hook, tcp(in, kSyn));
    print(("established, ingress" + suffix).c_str(), repeat(*allow, in.hook, tcp(in, kAck)), floor);
    print(("reply, egress" + suffix).c_str(), repeat(*allow, out.hook, tcp_reply(in, kAck)), floor);
    const Bytes denied = tcp(out, kSyn, 40000, 81);
    print(("denied, event into the ring" + suffix).c_str(), measure([&] {
            (void)allow->drain_events();
            return allow->run(out.hook, denied, {.repeat = 10000}).nanoseconds;
          }),
          floor);
    print(("denied, ring full" + suffix).c_str(), repeat(*allow, out.hook, denied), floor);
    (void)allow->drain_events();
  }
  allow->set_config(NODE_CT_ACCOUNTING);
  print("established, egress IPv4, accounting", repeat(*allow, Hook::FromEndpoint, any), floor);

  const Figure flow_floor = measure_flows(Policy::Matrix, "bench_empty");
  print("empty program, next flow each time", flow_floor, floor);
  print("new, egress IPv4 (less the row above)", measure_flows(Policy::Matrix, "from_endpoint"),
        flow_floor);
  print("new with verdict event",
        measure_flows(Policy::Matrix, "from_endpoint", NODE_TRACE_VERDICTS), flow_floor);
  return 0;
}

}  // namespace
}  // namespace policyc::kernel_test

int main() { return policyc::kernel_test::run(); }
