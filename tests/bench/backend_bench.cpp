// How long a compilation takes. Prints medians of CPU milliseconds; the argument is the number of
// rounds (default 31). The compiler works on a thread of its own, so it is the process's CPU time
// that is read.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "compiler/backend/backend.h"
#include "compiler/backend/cache.h"
#include "tests/bench/report.h"

namespace {

using policyc::backend::compile;
using policyc::backend::Output;

constexpr const char* kFloor = "int f(int x) { return x; }\n";
constexpr const char* kHeader =
    "#include \"runtime/include/generated.h\"\nint f(int x) { return x; }\n";
// What every policy object has.
constexpr const char* kConstants = R"c(#include "runtime/include/generated.h"
POLICYC_VERDICT policy_verdict_ingress(const struct policy_context *context) { return 1; }
POLICYC_VERDICT policy_verdict_egress(const struct policy_context *context) { return 1; }
POLICYC_POLICY_PROGRAMS;
)c";

// The shape of a policy with tables: a row by peer class, a column by port, one cell.
constexpr const char* kTablePolicy = R"c(#include "runtime/include/generated.h"
const volatile policyc_u8 port_page[4][256] = {};
const volatile policyc_u8 port_column[64][256] = {};
POLICYC_ROWS_MAP(policy_rows_in);
POLICYC_MATRIX_MAP(policy_matrix_in, policyc_u8, 128);

POLICYC_VERDICT policy_verdict_ingress(const struct policy_context *context)
{
	const struct policy_matrix_in_value *cells;
	policyc_u32 row, protocol, page;

	row = policy_row(&policy_rows_in, context->peer_class);
	cells = policyc_map_lookup(&policy_matrix_in, &row);
	if (!cells)
		return POLICYC_NO_DECISION;
	protocol = context->protocol == 6 ? 0 : context->protocol == 17 ? 1 : context->protocol == 132 ? 2 : 3;
	page = port_page[protocol][context->host_port >> 8] & 63;
	return (int)cells->cell[port_column[page][context->host_port & 255] & 127];
}

POLICYC_VERDICT policy_verdict_egress(const struct policy_context *context) { return 1; }
POLICYC_POLICY_PROGRAMS;
)c";

double cpu_now() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
}

double wall_now() {
  return std::chrono::duration<double, std::milli>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

void must_compile(const char* text, Output output) {
  if (const auto result = compile("bench.c", text, output); !result) {
    std::fprintf(stderr, "%s\n", result.error().message.c_str());
    std::exit(1);
  }
}

std::vector<double> repeat(int rounds, const std::function<double()>& clock,
                           const std::function<void()>& work) {
  std::vector<double> times;
  for (int i = 0; i < rounds; ++i) {
    const double before = clock();
    work();
    times.push_back(clock() - before);
  }
  return times;
}

void one_case(const char* name, const char* text, Output output, int rounds) {
  const auto times = repeat(rounds, cpu_now, [&] { must_compile(text, output); });
  policyc::bench::report(std::string(name) + ", CPU", times, "ms");
}

// The same work by one thread and by two.
void threads_case(int rounds) {
  constexpr int kCompilations = 8;
  const auto work = [](int count) {
    for (int i = 0; i < count; ++i) {
      must_compile(kTablePolicy, Output::Object);
    }
  };
  const auto one = repeat(rounds, wall_now, [&] { work(kCompilations); });
  const auto two = repeat(rounds, wall_now, [&] {
    std::thread other([&] { work(kCompilations / 2); });
    work(kCompilations / 2);
    other.join();
  });
  policyc::bench::report("8 table policies by one thread, wall", one, "ms");
  policyc::bench::report("8 table policies by two threads, wall", two, "ms",
                         policyc::bench::quantile(one, 0.5));
}

// A key made and its object read and checked, from files that the kernel has in memory.
void cache_case(std::size_t bytes, int rounds) {
  using namespace policyc::backend;
  std::string folder = (std::filesystem::temp_directory_path() / "policyc-bench-XXXXXX").string();
  if (mkdtemp(folder.data()) == nullptr) std::exit(1);
  const auto key = [] { return CacheKeyBuilder::start().value().add("a shape's hash").finish(); };
  auto cache = ObjectCache::open(folder).value();
  if (!cache.put(key(), Bytes(bytes, 7))) std::exit(1);
  const auto times = repeat(rounds, wall_now, [&] {
    if (!cache.get(key())) std::exit(1);
  });
  policyc::bench::report("cache hit with its key, " + std::to_string(bytes) + " bytes, wall", times,
                         "ms");
  std::filesystem::remove_all(folder);
}

void sections_case(int rounds) {
  using namespace policyc::backend;
  const auto object = datapath_object();
  const Bytes content(500, 'x');
  const std::vector<NamedSection> sections{{".policyc.1", content},
                                           {".policyc.2", content},
                                           {".policyc.3", content},
                                           {".policyc.4", content}};
  const auto times = repeat(rounds, wall_now, [&] {
    if (!add_sections(object, sections)) std::exit(1);
  });
  policyc::bench::report(
      "4 sections to an object of " + std::to_string(object.size()) + " bytes, wall", times, "ms");
}

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::max(1, std::atoi(argv[1])) : 31;
  one_case("first compilation, loads clang", kFloor, Output::Object, 1);
  one_case("floor: one empty function", kFloor, Output::Object, rounds);
  one_case("the same with the header", kHeader, Output::Object, rounds);
  one_case("two programs that always allow", kConstants, Output::Object, rounds);
  one_case("table policy, object", kTablePolicy, Output::Object, rounds);
  one_case("table policy, LLVM IR", kTablePolicy, Output::LlvmIr, rounds);
  one_case("table policy, assembly", kTablePolicy, Output::Assembly, rounds);
  threads_case(std::max(1, rounds / 4));
  cache_case(20000, rounds);
  cache_case(68000, rounds);
  sections_case(rounds);
  return 0;
}
