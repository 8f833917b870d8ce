// The table of subtle cases (spec section 10), stated as scenarios in testdata/subtle.

#include <filesystem>
#include <set>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/eval/scenario_file.h"

namespace policyc {
namespace {

constexpr int kRows = 208;
const std::string kFolder = std::string(POLICYC_TESTDATA) + "/subtle";

std::vector<std::string> scenario_files() {
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(kFolder)) {
    if (entry.path().extension() == ".yaml") {
      files.push_back(entry.path().string());
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

class SubtleCases : public testing::TestWithParam<std::string> {};

TEST_P(SubtleCases, GiveTheVerdictsOfTheTable) {
  const auto cases = scenario::read_cases(GetParam(), test::read_text(GetParam()));
  ASSERT_TRUE(cases) << cases.error().message;
  EXPECT_FALSE(cases->empty());
  for (scenario::Case item : *cases) {
    item.refused_policies =
        item.refused_policies.value_or(0);  // a refused policy must not look like one that allows
    EXPECT_THAT(test::failures_of(item), testing::IsEmpty());
  }
}

INSTANTIATE_TEST_SUITE_P(Files, SubtleCases, testing::ValuesIn(scenario_files()),
                         [](const auto& file) {
                           std::string name = std::filesystem::path(file.param).stem().string();
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

// "row-20a" is a part of row 20.
int row_of(const std::string& id) { return std::stoi(id.substr(std::string("row-").size())); }

TEST(SubtleCaseTable, IsCompleteUpToTheRowsThatSayWhyNot) {
  std::set<int> seen;
  for (const std::string& path : scenario_files()) {
    const auto cases = scenario::read_cases(path, test::read_text(path));
    ASSERT_TRUE(cases) << cases.error().message;
    for (const scenario::Case& item : *cases) {
      seen.insert(row_of(item.id));
      EXPECT_TRUE(!item.flows.empty() || !item.endpoints.empty() || item.refused_policies)
          << item.id;
    }
  }
  std::istringstream exceptions(test::read_text(kFolder + "/not-expressible.txt"));
  for (std::string line; std::getline(exceptions, line);) {
    if (!line.starts_with('#')) {
      EXPECT_TRUE(seen.insert(std::stoi(line)).second) << line;
    }
  }
  EXPECT_EQ(seen.size(), kRows);
  EXPECT_EQ(*seen.begin(), 1);
  EXPECT_EQ(*seen.rbegin(), kRows);
}

}  // namespace
}  // namespace policyc
