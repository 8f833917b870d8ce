// Policies and flows whose verdicts were computed by Cilium 1.19.4 itself.

#include <sstream>

#include <gtest/gtest.h>

#include "tests/unit/eval/scenario_file.h"

namespace policyc {
namespace {

TEST(Conformance, ReferenceEvaluatorAgreesWithCilium) {
  std::istringstream lines(
      test::read_gzip(std::string(POLICYC_TESTDATA) + "/conformance/policy.jsonl.gz"));
  std::size_t cases = 0;
  std::size_t flows = 0;
  std::size_t failed = 0;
  for (std::string line; std::getline(lines, line);) {
    const auto item = scenario::read_case(line);
    ASSERT_TRUE(item) << item.error().message;
    ++cases;
    flows += item->flows.size();
    for (const std::string& failure : test::failures_of(*item)) {
      if (++failed <= 20) {
        ADD_FAILURE() << failure;
      }
    }
  }
  EXPECT_EQ(failed, 0U);
  EXPECT_EQ(cases, 1503U);
  EXPECT_EQ(flows, 62647U);
}

}  // namespace
}  // namespace policyc
