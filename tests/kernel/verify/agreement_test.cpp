// Invariant 2 over every policy of the test data: the compiled programs and the evaluator agree on
// every atom.
#include <filesystem>
#include <iostream>

#include <gtest/gtest.h>

#include "tests/kernel/verify/case.h"
#include "tests/support/golden.h"

namespace policyc::kernel_test {
namespace {

namespace fs = std::filesystem;

void expect_agreement(const VerifyCase& test) {
  for (const driver::ShapeUnit& unit : test.units()) {
    const auto object = build_object(emit::emit(unit.shape));
    ASSERT_TRUE(object.has_value()) << object.error().message;
    const auto report = verify_in_kernel(test, unit, unit.shape, unit.shape, *object);
    ASSERT_TRUE(report.has_value()) << report.error().message;
    EXPECT_EQ(report->left_out, 0U);
    EXPECT_GT(report->atoms, 200U);
    EXPECT_EQ(report->found, 0U) << report->subject << ": " << first_finding(*report);
  }
}

std::vector<driver::InputText> input(const fs::path& path) {
  if (!fs::exists(path)) return {};
  return {{path.filename().string(), testing::read_file(path)}};
}

class VerifyGolden : public ::testing::TestWithParam<testing::GoldenCase> {};

TEST_P(VerifyGolden, ProgramsAgreeWithTheEvaluator) {
  const fs::path& folder = GetParam().folder;
  expect_agreement({input(folder / "input.yaml"), input(folder / "inventory.yaml")});
}

std::vector<testing::GoldenCase> accepted_cases() {
  auto cases = testing::golden_cases("golden");
  std::erase_if(cases, [](const auto& item) { return !fs::exists(item.folder / "policy.c"); });
  return cases;
}

INSTANTIATE_TEST_SUITE_P(Testdata, VerifyGolden, ::testing::ValuesIn(accepted_cases()),
                         testing::golden_name);

TEST(VerifyDemo, ProgramsAgreeWithTheEvaluator) {
  const fs::path demo = fs::path(POLICYC_TESTDATA) / "demo";
  for (const fs::path& shared : {demo / "api-shared.yaml", demo / "update" / "api-shared.yaml"}) {
    std::vector<driver::InputText> policies;
    for (const fs::path& path : {demo / "api.yaml", shared, demo / "other-egress.yaml"})
      policies.push_back({path.filename().string(), testing::read_file(path)});
    expect_agreement({std::move(policies), input(demo / "cluster.yaml")});
  }
}

}  // namespace
}  // namespace policyc::kernel_test
