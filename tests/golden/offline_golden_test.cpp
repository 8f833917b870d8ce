// What the offline commands print: each folder of testdata/offline has `arguments.txt`, one
// argument a line, and is where the program runs. `expected.txt` holds the exit code and standard
// output.
#include <sstream>

#include <gtest/gtest.h>

#include "tests/support/golden.h"
#include "tests/unit/driver/process.h"

namespace policyc::testing {
namespace {

class OfflineGolden : public ::testing::TestWithParam<GoldenCase> {};

TEST_P(OfflineGolden, Output) {
  std::vector<std::string> arguments;
  std::istringstream lines(read_file(GetParam().folder / "arguments.txt"));
  for (std::string line; std::getline(lines, line);) arguments.push_back(line);
  const Finished run = run_policyc(arguments, {}, GetParam().folder);
  EXPECT_TRUE(matches_golden(GetParam().folder / "expected.txt",
                             "exit code " + std::to_string(run.exit_code) + "\n" + run.out))
      << run.err;
}

INSTANTIATE_TEST_SUITE_P(Testdata, OfflineGolden, ::testing::ValuesIn(golden_cases("offline")),
                         golden_name);

}  // namespace
}  // namespace policyc::testing
