// The rendered diagnostics of testdata/policy/<case>/input.yaml.

#include "tests/support/golden.h"
#include "tests/unit/policy/validation_support.h"

namespace policyc::policy::test {
namespace {

class ValidationGolden : public ::testing::TestWithParam<policyc::testing::GoldenCase> {};

TEST_P(ValidationGolden, Diagnostics) {
  const auto& folder = GetParam().folder;
  const ReadRun run = read(policyc::testing::read_file(folder / "input.yaml"));
  EXPECT_TRUE(policyc::testing::matches_golden(folder / "expected.txt",
                                               diag::render_text(run.sources, run.diagnostics)));
}

INSTANTIATE_TEST_SUITE_P(Testdata, ValidationGolden,
                         ::testing::ValuesIn(policyc::testing::golden_cases("policy")),
                         policyc::testing::golden_name);

}  // namespace
}  // namespace policyc::policy::test
