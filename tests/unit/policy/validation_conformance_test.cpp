// Documents with the verdict of a real API server and of Cilium 1.19.4's own code:
// testdata/conformance/validation.jsonl.

#include <fstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/unit/policy/validation_support.h"

namespace policyc::policy::test {
namespace {

using Json = nlohmann::json;

std::vector<Json> cases() {
  std::ifstream file(POLICYC_TESTDATA "/conformance/validation.jsonl");
  std::vector<Json> result;
  for (std::string line; std::getline(file, line);) result.push_back(Json::parse(line));
  return result;
}

Json party(const Verdict& verdict) {
  if (verdict.acceptance.accepted) return {};
  return verdict.acceptance.rejected_by == diag::RefusedBy::Agent ? "agent" : "apiserver";
}

TEST(ValidationConformance, ClusterGivesTheSameVerdict) {
  const std::vector<Json> all = cases();
  ASSERT_GT(all.size(), 500U);
  for (const Json& expected : all) {
    const Verdict verdict = judge(expected["yaml"]);
    const std::string id = expected["id"];
    EXPECT_EQ(verdict.acceptance.accepted, expected["accepted"].get<bool>()) << id << "\n"
                                                                             << verdict.rendered();
    if (expected["accepted"]) {
      EXPECT_FALSE(verdict.diagnostics.has_errors()) << id << "\n" << verdict.rendered();
      continue;
    }
    if (verdict.acceptance.rejected_by == diag::RefusedBy::Policyc) {
      EXPECT_EQ(expected["rejected_by"], "apiserver") << id;  // a text without a document
      continue;
    }
    EXPECT_NE(verdict.first_error(), nullptr) << id << ": refused without a reason";
    EXPECT_EQ(party(verdict), expected["rejected_by"]) << id << "\n" << verdict.rendered();
    if (expected["rejected_by"] == "agent") {
      EXPECT_EQ(verdict.acceptance.refusal_class, expected["class"].get<std::string>())
          << id << "\n"
          << verdict.rendered();
    }
  }
}

TEST(ValidationConformance, AgentGivesTheSameVerdictOnFiles) {
  for (const Json& expected : cases()) {
    const Verdict verdict = judge(expected["yaml"], Door::StaticFile);
    EXPECT_EQ(verdict.acceptance.accepted, expected["static"].get<bool>()) << expected["id"] << "\n"
                                                                           << verdict.rendered();
  }
}

}  // namespace
}  // namespace policyc::policy::test
