// Cost of a packet at a device by path: medians of BPF_PROG_TEST_RUN, less an empty program. Usage:
// nat_bench [ROUNDS]. Needs root.
#include <cstdlib>
#include <functional>

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "tests/bench/report.h"
#include "tests/kernel/nat/devices.h"

namespace policyc::kernel_test {
namespace {

constexpr int kRepeat = 200'000;

int rounds = 15;

std::vector<double> repeat(const Devices& node, int program, Device device, const Bytes& frame) {
  std::vector<double> all;
  for (int i = 0; i < rounds; ++i) {
    __sk_buff context{};
    context.ifindex = node.index(device);
    LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame.data(),
                .data_size_in = static_cast<std::uint32_t>(frame.size()), .ctx_in = &context,
                .ctx_size_in = sizeof context, .repeat = kRepeat);
    if (bpf_prog_test_run_opts(program, &options) != 0) std::abort();
    all.push_back(options.duration);
  }
  return all;
}

void report(const std::string& name, std::vector<double> values, double floor) {
  for (double& value : values) value -= floor;
  bench::report(name, values, "ns");
}

// Two tuples that become each other, so that a packet can be translated again and again.
template <typename Key, typename Value>
void put_cycle(Devices& node, int family, std::uint8_t protocol) {
  const auto fill = [&](auto& place, const End& source, const End& destination) {
    inet_pton(family == 4 ? AF_INET : AF_INET6, source.address(family).c_str(), &place.source);
    inet_pton(family == 4 ? AF_INET : AF_INET6, destination.address(family).c_str(),
              &place.destination);
    place.source_port = htons(source.port);
    place.destination_port = htons(destination.port);
  };
  const End a = kNodeBack.at(40000);
  for (const bool first : {true, false}) {
    Key key{};
    Value value{};
    fill(key, first ? kClient : a, first ? kFrontend : kBackend);
    fill(value, first ? a : kClient, first ? kBackend : kFrontend);
    key.protocol = protocol;
    value.state.expires = UINT64_MAX / 2;
    value.state.refreshed = static_cast<std::uint32_t>(node.now() + 100 * ticks_per_second());
    value.state.flags = CT_SEEN_REPLY;
    node.put(family == 4 ? "nat4" : "nat6", key, value);
  }
}

void run() {
  Devices node;
  const int from = node.program("from_device"), to = node.program("to_device");
  const Bytes any = tcp_of(4, kClient, kNodeFront.at(22), kAck);
  bpf_object* bench = bpf_object__open_file(POLICYC_BENCH_OBJECT, nullptr);
  if (bench == nullptr || bpf_object__load(bench) != 0) std::abort();
  const int empty = bpf_program__fd(bpf_object__find_program_by_name(bench, "bench_empty"));
  const double floor = bench::quantile(repeat(node, empty, Device::Front, any), 0.5);
  bench::report("empty program", {floor}, "ns");
  for (const int family : {4, 6}) {
    const std::string of = ", IPv" + std::to_string(family);
    node.reset();
    report("in: the node's own connection, no service" + of,
           repeat(node, from, Device::Front, tcp_of(family, kClient, kNodeFront.at(22), kAck)),
           floor);
    report("in: another node to an endpoint here" + of,
           repeat(node, from, Device::Front, tcp_of(family, kBackend, kPod, kAck)), floor);
    report("out: an endpoint here to another node's" + of,
           repeat(node, to, Device::Front, tcp_of(family, kPod, kBackend, kAck)), floor);
    static_cast<void>(node.out(Device::Front, tcp_of(family, kNodeFront.at(40001), kClient, kSyn)));
    report("out: the node's own connection, remembered" + of,
           repeat(node, to, Device::Front, tcp_of(family, kNodeFront.at(40001), kClient, kAck)),
           floor);
    if (family == 4) {
      put_cycle<nat4_key, nat_value>(node, 4, kTcp);
    } else {
      put_cycle<nat6_key, nat_value>(node, 6, kTcp);
    }
    report("in: translated, both addresses and ports" + of,
           repeat(node, from, Device::Front, tcp_of(family, kClient, kFrontend, kAck)), floor);
  }
  bpf_object__close(bench);
}

}  // namespace
}  // namespace policyc::kernel_test

int main(int argc, char** argv) {
  if (argc > 1) policyc::kernel_test::rounds = std::atoi(argv[1]);
  policyc::kernel_test::run();
  return 0;
}
