// The policy decision alone, the peer's class known: nanoseconds over a program that only draws the
// packet, on random traffic, by the number of rules. Beside it, in the same run, two lookups in one
// LPM trie, the way in which a policy map of (identity, direction, protocol, port) prefixes is
// asked. Needs root. Usage: decision_bench [REPEATS]
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "compiler/backend/backend.h"
#include "compiler/driver/compilation.h"
#include "compiler/ir/form.h"
#include "loader/bpf/info.h"
#include "loader/bpf/object.h"
#include "loader/endpoint/rows.h"
#include "tests/bench/policies.h"
#include "tests/bench/report.h"

namespace {

using namespace policyc;

constexpr std::size_t kInputs = 4096;

// Appended to the generated C. The input is drawn by a linear congruential generator, so no branch
// on it can be predicted; `answers` keeps the decisions for the comparison with the model.
constexpr const char* kHarness = R"c(
struct bench_input {
	policyc_u32 peer_class;
	policyc_u32 identity;
	policyc_u16 port;
	policyc_u8 protocol;
	policyc_u8 pad;
};
const volatile struct bench_input bench_inputs[4096];
volatile policyc_u32 bench_state = 1;

struct bench_lpm_key {
	policyc_u32 prefix_length;
	policyc_u32 identity;
	policyc_u8 egress;
	policyc_u8 protocol;
	policyc_u16 port;
};
struct {
	int (*type)[11];
	int (*max_entries)[16384];
	int (*map_flags)[1];
	struct bench_lpm_key *key;
	policyc_u32 *value;
} bench_lpm __attribute__((section(".maps"), used));

POLICYC_INLINE const volatile struct bench_input *bench_draw(struct policy_context *context)
{
	const volatile struct bench_input *input;

	bench_state = bench_state * 1664525U + 1013904223U;
	input = &bench_inputs[(bench_state >> 20) & 4095];
	context->peer_class = input->peer_class;
	context->host_port = input->port;
	context->protocol = input->protocol;
	context->family = 4;
	return input;
}

/* The verifier knows less than the compiler about what comes from memory. */
__attribute__((section("tc"), used)) int bench_empty(void *packet)
{
	struct policy_context context = {};

	bench_draw(&context);
	return (context.peer_class + context.host_port + context.protocol) & 1;
}

__attribute__((section("tc"), used)) int bench_policy(void *packet)
{
	struct policy_context context = {};

	bench_draw(&context);
	return policy_verdict_ingress(&context);
}

__attribute__((section("tc"), used)) int bench_two_lookups(void *packet)
{
	struct policy_context context = {};
	const volatile struct bench_input *input = bench_draw(&context);
	struct bench_lpm_key key = {64, input->identity, 0, context.protocol, 0};
	const policyc_u32 *named, *anyone;

	key.port = __builtin_bswap16(context.host_port);
	named = policyc_map_lookup(&bench_lpm, &key);
	key.identity = 0;
	anyone = policyc_map_lookup(&bench_lpm, &key);
	if (named && (!anyone || (*named & 0xff) >= (*anyone & 0xff)))
		return (int)*named;
	return anyone ? (int)*anyone : 0;
}
)c";

struct Input {
  std::uint32_t peer_class;
  std::uint32_t identity;
  std::uint16_t port;
  std::uint8_t protocol;
  std::uint8_t pad;
};

template <class T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().message);
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

struct Bench {
  ir::Shape shape;
  std::vector<Input> inputs;
  std::optional<bpf::Object> object;
};

std::uint32_t class_of_peer(std::uint32_t peer) { return peer + 1; }

// Half of the packets meet a rule, a quarter a known peer on another port, a quarter a stranger.
std::vector<Input> draw_inputs(const bench::PolicySize& size) {
  std::mt19937 random(7);
  std::vector<Input> inputs(kInputs);
  for (Input& input : inputs) {
    const std::uint32_t rule = static_cast<std::uint32_t>(random()) % size.rules;
    const std::uint32_t peer = rule % size.peers;
    const auto port = bench::port_of((rule + rule / size.ports) % size.ports);
    const std::uint32_t kind = static_cast<std::uint32_t>(random()) % 4;
    input = {class_of_peer(peer), 256 + peer, port.first, 6, 0};
    if (kind == 2) input.port = static_cast<std::uint16_t>(random());
    if (kind == 3) {
      input.peer_class = class_of_peer(size.peers);
      input.identity = 256 + size.peers;
    }
  }
  return inputs;
}

void fill_rows(Bench& bench, const bench::PolicySize& size) {
  endpoint::RowMaps maps;
  const auto open = [&](const std::string& name) {
    return bpf::MapHandle(name, bpf::Fd(::dup(must(bench.object->map_fd(name)))));
  };
  const ir::DirectionShape& part = bench.shape.directions[0];
  if (part.uses_rows()) maps.rows = decltype(maps.rows)(open("policy_rows_in"));
  if (part.uses_matrix()) maps.matrix = open("policy_matrix_in");
  std::vector<endpoint::ClassRow> rows;
  for (std::uint32_t peer = 0; peer <= size.peers; ++peer)
    rows.push_back({class_of_peer(peer), bench.shape.truth(0, bench::app_labels(peer))});
  must(endpoint::write_rows(bench.shape, 0, maps, rows));
}

// What the trie holds for the same rules: one prefix for each power-of-two block of ports.
void fill_lpm(const Bench& bench) {
  struct Key {
    std::uint32_t prefix_length;
    std::uint32_t identity;
    std::uint8_t egress, protocol;
    std::uint16_t port;
  };
  const int fd = must(bench.object->map_fd("bench_lpm"));
  for (const ir::Rule& rule : bench.shape.directions[0].rules) {
    for (const auto& range : rule.ports) {
      for (std::uint32_t first = range.first; first <= range.last;) {
        std::uint32_t bits = 0;
        while (bits < 16 && (first & (1U << bits)) == 0 && first + (2U << bits) - 1 <= range.last)
          ++bits;
        const std::uint32_t peer = rule.any_peer ? 0 : 256 + rule.peers.front();
        const Key key{64 - bits, peer, 0, range.protocol, htons(static_cast<std::uint16_t>(first))};
        const std::uint32_t value = rule.id << 8U | 1U;
        if (bpf_map_update_elem(fd, &key, &value, BPF_ANY) != 0)
          throw std::runtime_error("the trie is full");
        first += 1U << bits;
      }
    }
  }
}

Bench prepare(const bench::PolicySize& size, bool prefer_bitset) {
  Bench bench;
  auto policy = bench::make_policy(size);
  passes::Report report;
  if (passes::run(policy, report) != passes::Outcome::Done) std::abort();
  if (prefer_bitset) ir::prefer_form(policy, ir::Form::Bitset);
  bench.shape = ir::make_shape(policy);
  bench.inputs = draw_inputs(size);
  const emit::Emitted emitted = emit::emit(bench.shape);
  auto compiled =
      must(backend::compile(emitted.file_name, emitted.text + kHarness, backend::Output::Object));
  for (const emit::Table& table : emitted.tables)
    must(backend::set_rodata(compiled.output, table.variable, table.bytes));
  must(backend::set_rodata(compiled.output, "bench_inputs",
                           {reinterpret_cast<const std::uint8_t*>(bench.inputs.data()),
                            bench.inputs.size() * sizeof(Input)}));
  bench.object = must(bpf::Object::open(compiled.output, "decision"));
  const ir::DirectionShape& part = bench.shape.directions[0];
  if (part.uses_matrix()) {
    const std::uint32_t rows = std::max<std::uint32_t>(size.peers + 2, 256);
    must(bench.object->set_max_entries("policy_matrix_in", rows));
  }
  must(bench.object->load());
  fill_rows(bench, size);
  fill_lpm(bench);
  return bench;
}

double run_ns(const Bench& bench, const char* program, std::uint32_t repeats) {
  std::vector<std::uint8_t> packet(64, 0);
  LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = packet.data(),
              .data_size_in = static_cast<std::uint32_t>(packet.size()),
              .repeat = static_cast<int>(repeats));
  if (bpf_prog_test_run_opts(must(bench.object->program_fd(program)), &options) != 0)
    throw std::runtime_error(std::string("BPF_PROG_TEST_RUN of ") + program);
  return options.duration;
}

// Every input, one at a time: the program decides as the model does.
void check(const Bench& bench) {
  std::uint32_t state = 1;
  const int fd = must(bench.object->program_fd("bench_policy"));
  for (std::size_t i = 0; i < kInputs; ++i) {
    state = state * 1664525U + 1013904223U;
    const Input& input = bench.inputs[state >> 20U];
    std::vector<std::uint8_t> packet(64, 0);
    LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = packet.data(),
                .data_size_in = static_cast<std::uint32_t>(packet.size()), .repeat = 1);
    if (bpf_prog_test_run_opts(fd, &options) != 0) throw std::runtime_error("BPF_PROG_TEST_RUN");
    const std::uint32_t expected =
        bench.shape.decide(0, bench::app_labels(input.peer_class - 1), input.protocol, input.port);
    if (options.retval != expected)
      throw std::runtime_error("input " + std::to_string(i) + ": the program says " +
                               std::to_string(options.retval) + ", the model " +
                               std::to_string(expected));
  }
}

void one_size(const bench::PolicySize& size, bool prefer_bitset, std::uint32_t repeats) {
  const Bench bench = prepare(size, prefer_bitset);
  check(bench);
  constexpr int kRuns = 9;
  std::vector<double> decision, lookups, empty;
  for (int run = 0; run < kRuns; ++run) {
    const double floor = run_ns(bench, "bench_empty", repeats);
    empty.push_back(floor);
    decision.push_back(run_ns(bench, "bench_policy", repeats) - floor);
    lookups.push_back(run_ns(bench, "bench_two_lookups", repeats) - floor);
  }
  const std::string name = std::to_string(size.rules) + " rules, " +
                           std::string(ir::form_name(bench.shape.directions[0].form));
  bench::report("two LPM lookups over empty, " + std::to_string(size.rules) + " rules", lookups,
                "ns");
  bench::report("policy decision over empty, " + name, decision, "ns",
                bench::quantile(lookups, 0.5));
  const auto verified =
      must(bpf::program_info(must(bench.object->program_fd("bench_policy")))).verified_instructions;
  bench::report("instructions verified, decision with its harness, " + name,
                {static_cast<double>(verified)}, "instructions");
}

}  // namespace

int main(int argc, char** argv) {
  const auto repeats = static_cast<std::uint32_t>(argc > 1 ? std::stoul(argv[1]) : 1'000'000);
  try {
    for (const bench::PolicySize size :
         {bench::PolicySize{1, 1, 1}, bench::PolicySize{10, 5, 5}, bench::PolicySize{100, 50, 50},
          bench::PolicySize{1000, 500, 100}, bench::PolicySize{10000, 2000, 500}}) {
      one_size(size, false, repeats);
      if (size.rules == 100 || size.rules == 1000) one_size(size, true, repeats);
    }
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 1;
  }
  return 0;
}
