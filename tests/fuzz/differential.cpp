// Compares the reference evaluator with the compiler's verdict matrices on random cases, and every
// N-th case with programs that the kernel runs.
//
//   policyc_fuzz [--seconds S] [--cases N] [--seed FIRST] [--kernel-every N] [--replay FILE]
//   [--save FILE] [--show 1]
//
// Seeds that differ are printed, and appended to the file of --save; --replay runs the seeds of
// such a file (one number a line, # starts a comment) with all three engines. --show prints the
// policies of a seed that differs. Exit code 1 when something differed.
#include <chrono>
#include <cstring>
#include <fstream>
#include <iostream>
#include <sstream>

#include "compiler/driver/shape_engine.h"
#include "loader/testrun/kernel_engine.h"
#include "tests/fuzz/generate.h"

namespace policyc::fuzz {
namespace {

struct Arguments {
  double seconds = 10;
  std::uint64_t cases = 0;  // 0: until the time is over
  std::uint64_t seed = 1;
  std::uint64_t kernel_every = 0;
  std::string replay;
  std::string save;
  bool show = false;
};

struct Totals {
  std::uint64_t cases = 0, flows = 0, kernel_cases = 0, kernel_flows = 0, rejected = 0, denied = 0,
                redirected = 0, audited = 0, errors = 0;
  std::uint64_t findings = 0;
};

class Fuzzer {
 public:
  Fuzzer(const Arguments& arguments, std::optional<scenario::Engine> kernel)
      : arguments_(arguments),
        reference_(scenario::reference_engine()),
        matrix_(driver::matrix_engine()),
        kernel_(std::move(kernel)) {}

  void run_seed(std::uint64_t seed, bool with_kernel) {
    const scenario::Case item = generate(seed);
    const scenario::Prepared prepared(item, "");
    const auto expected = reference_(item, prepared);
    ++totals_.cases;
    totals_.rejected += prepared.rejected_policies();
    bool same = expected && compare(seed, "matrix", item, *expected, matrix_(item, prepared));
    totals_.flows += item.flows.size();
    if (expected) count(*expected);
    if (with_kernel && kernel_) {
      same =
          expected && compare(seed, "kernel", item, *expected, (*kernel_)(item, prepared)) && same;
      ++totals_.kernel_cases;
      totals_.kernel_flows += item.flows.size();
    }
    if (same) return;
    save(seed);
    if (!arguments_.show) return;
    for (const std::string& text : item.policies) std::cout << text << "\n";
  }

  [[nodiscard]] const Totals& totals() const { return totals_; }

 private:
  void count(const std::vector<eval::FlowResult>& results) {
    for (const auto& result : results) {
      totals_.denied += result.verdict == eval::Verdict::Deny ? 1 : 0;
      totals_.redirected += result.verdict == eval::Verdict::Redirect ? 1 : 0;
      totals_.audited += result.audited ? 1 : 0;
      totals_.errors += result.subject_error ? 1 : 0;
    }
  }

  bool compare(std::uint64_t seed, const char* engine, const scenario::Case& item,
               const std::vector<eval::FlowResult>& expected,
               const Result<std::vector<eval::FlowResult>>& actual) {
    if (!actual) {
      std::cout << "seed " << seed << ": " << engine << ": " << actual.error().message << "\n";
      return false;
    }
    for (std::size_t i = 0; i < expected.size(); ++i) {
      const auto& want = expected[i];
      const auto& got = (*actual)[i];
      if (want.verdict == got.verdict && want.by_default == got.by_default &&
          want.audited == got.audited && want.subject_error == got.subject_error)
        continue;
      std::cout << "seed " << seed << ": flow " << i << ": "
                << scenario::describe(item.flows[i].flow) << ": reference "
                << scenario::verdict_text(want.verdict) << (want.by_default ? " by default" : "")
                << (want.audited ? " audited" : "") << (want.subject_error ? " error" : "") << ", "
                << engine << " " << scenario::verdict_text(got.verdict)
                << (got.by_default ? " by default" : "") << (got.audited ? " audited" : "")
                << (got.subject_error ? " error" : "") << "\n";
      return false;
    }
    return true;
  }

  void save(std::uint64_t seed) {
    ++totals_.findings;
    if (!arguments_.save.empty()) std::ofstream(arguments_.save, std::ios::app) << seed << "\n";
  }

  const Arguments& arguments_;
  scenario::Engine reference_;
  scenario::Engine matrix_;
  std::optional<scenario::Engine> kernel_;
  Totals totals_;
};

int replay(Fuzzer& fuzzer, const std::string& path) {
  std::ifstream file(path);
  if (!file) {
    std::cerr << "cannot read " << path << "\n";
    return 3;
  }
  std::string line;
  while (std::getline(file, line)) {
    std::uint64_t seed = 0;
    if (std::istringstream(line.substr(0, line.find('#'))) >> seed) fuzzer.run_seed(seed, true);
  }
  return 0;
}

int run(const Arguments& arguments) {
  std::optional<scenario::Engine> kernel;
  if (arguments.kernel_every != 0 || !arguments.replay.empty()) {
    auto oracle = testrun::kernel_oracle();
    if (!oracle) {
      std::cerr << oracle.error().message << "\n";
      return 3;
    }
    kernel = driver::shape_engine(std::move(*oracle));
  }
  Fuzzer fuzzer(arguments, std::move(kernel));
  const auto start = std::chrono::steady_clock::now();
  const auto elapsed = [&start] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  };
  if (!arguments.replay.empty()) {
    if (const int status = replay(fuzzer, arguments.replay); status != 0) return status;
  } else {
    for (std::uint64_t i = 0;
         arguments.cases == 0 ? elapsed() < arguments.seconds : i < arguments.cases; ++i) {
      fuzzer.run_seed(arguments.seed + i,
                      arguments.kernel_every != 0 && i % arguments.kernel_every == 0);
    }
  }
  const Totals& totals = fuzzer.totals();
  std::cout << totals.cases << " cases, " << totals.flows << " flows (" << totals.denied
            << " denied, " << totals.redirected << " redirected, " << totals.audited << " audited, "
            << totals.errors << " of subjects in conflict), " << totals.rejected
            << " policies refused, " << totals.kernel_cases << " cases and " << totals.kernel_flows
            << " flows in the kernel, " << elapsed() << " s, " << totals.findings << " findings\n";
  return totals.findings == 0 ? 0 : 1;
}

bool parse(int argc, char** argv, Arguments& arguments) {
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string name = argv[i];
    const std::string value = argv[i + 1];
    if (name == "--seconds")
      arguments.seconds = std::stod(value);
    else if (name == "--cases")
      arguments.cases = std::stoull(value);
    else if (name == "--seed")
      arguments.seed = std::stoull(value);
    else if (name == "--kernel-every")
      arguments.kernel_every = std::stoull(value);
    else if (name == "--replay")
      arguments.replay = value;
    else if (name == "--save")
      arguments.save = value;
    else if (name == "--show")
      arguments.show = value == "1";
    else
      return false;
  }
  return argc % 2 == 1;
}

}  // namespace
}  // namespace policyc::fuzz

int main(int argc, char** argv) {
  policyc::fuzz::Arguments arguments;
  if (!policyc::fuzz::parse(argc, argv, arguments)) {
    std::cerr << "usage: policyc_fuzz [--seconds S] [--cases N] [--seed FIRST] [--kernel-every N] "
                 "[--replay FILE] [--save FILE]\n";
    return 2;
  }
  return policyc::fuzz::run(arguments);
}
