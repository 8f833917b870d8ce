// `policyc suggest` as a user meets it.
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/unit/driver/cli_sample.h"
#include "tests/unit/driver/process.h"

namespace policyc::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class CliSuggest : public ::testing::Test {
 protected:
  CliSuggest() { flows_ = read_bytes(std::string(POLICYC_TESTDATA) + "/suggest/shop/flows.jsonl"); }
  Finished suggest(std::vector<std::string> arguments, const std::string& input = {}) {
    arguments.insert(arguments.begin(), "suggest");
    return run_policyc(arguments, input, folder_.path());
  }
  std::string flows_;
  TemporaryFolder folder_;
};

TEST_F(CliSuggest, PrintsPoliciesAndTheProof) {
  const auto done = suggest({"-"}, flows_);
  EXPECT_EQ(done.exit_code, 0) << done.err;
  EXPECT_THAT(done.out, HasSubstr("kind: CiliumNetworkPolicy"));
  EXPECT_THAT(done.err,
              AllOf(HasSubstr("are allowed by these policies"), HasSubstr("also allowed: ")));
  write_text(folder_ / "flows", flows_);
  const auto written = suggest({"flows", "-f", "policies.yaml"});
  EXPECT_EQ(written.exit_code, 0);
  EXPECT_THAT(written.out, IsEmpty());
  EXPECT_EQ(read_bytes(folder_ / "policies.yaml"), done.out);
  EXPECT_EQ(run_policyc({"compile", "policies.yaml", "--emit=ir"}, "", folder_.path()).exit_code, 0)
      << "what is suggested is a policy like any other";
}

TEST_F(CliSuggest, ABadLineIsNamedAndNothingIsSuggested) {
  const auto done = suggest({"-"}, flows_ + "{\"flow\":\n");
  EXPECT_EQ(done.exit_code, 1);
  EXPECT_THAT(done.out, IsEmpty());
  const auto line = std::count(flows_.begin(), flows_.end(), '\n') + 1;
  EXPECT_THAT(done.err, HasSubstr("-:" + std::to_string(line) + ": error: this is not JSON"));
  EXPECT_EQ(suggest({"-", "--skip-bad"}, flows_ + "{\"flow\":\n").exit_code, 0);
}

TEST_F(CliSuggest, SeveralFormatsAtOnce) {
  const auto done = suggest({"-", "-o", "json", "-o", "yaml=p.yaml", "-o", "text=proof"}, flows_);
  EXPECT_EQ(done.exit_code, 0) << done.err;
  EXPECT_THAT(done.err, IsEmpty()) << "the proof went to its file";
  EXPECT_THAT(read_bytes(folder_ / "proof"), HasSubstr("are allowed by these policies"));
  const auto json = nlohmann::json::parse(done.out);
  EXPECT_EQ(json["schemaVersion"], 1);
  EXPECT_EQ(json["policies"], read_bytes(folder_ / "p.yaml"));
  EXPECT_EQ(json["allowed"], json["flows"]);
  EXPECT_EQ(suggest({"-", "-o", "sarif"}, flows_).exit_code, 2);
  EXPECT_EQ(suggest({"-", "-o", "yaml=x", "-f", "x"}, flows_).exit_code, 2);
}

TEST_F(CliSuggest, ExitCodesAreDocumented) {
  EXPECT_EQ(suggest({"-"}, "").exit_code, 1) << "no flow";
  EXPECT_EQ(suggest({}).exit_code, 2);
  EXPECT_EQ(suggest({"missing"}).exit_code, 3);
  write_text(folder_ / "flows", flows_);
  EXPECT_EQ(suggest({"flows", "-f", "missing/x"}).exit_code, 3);
}

}  // namespace
}  // namespace policyc::testing
