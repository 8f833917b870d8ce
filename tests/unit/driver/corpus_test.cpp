// Reads the policies of a folder in place. Each compiles, or is refused with a reason; both counts
// and the reasons are printed.
#include <algorithm>
#include <filesystem>
#include <iostream>
#include <map>
#include <regex>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/unit/driver/process.h"

namespace policyc::testing {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> corpus_files() {
  const char* folder = std::getenv("POLICYC_CORPUS");
  std::vector<fs::path> files;
  for (const auto& entry :
       fs::recursive_directory_iterator(folder != nullptr ? folder : POLICYC_CORPUS)) {
    const std::string extension = entry.path().extension().string();
    if (entry.is_regular_file() &&
        (extension == ".yaml" || extension == ".yml" || extension == ".json")) {
      files.push_back(entry.path());
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

TEST(Corpus, EveryFileCompilesOrIsRefusedWithAReason) {
  const auto files = corpus_files();
  ASSERT_FALSE(files.empty());
  std::size_t compiled = 0;
  std::size_t refused = 0;
  std::map<std::string, std::vector<std::string>> reasons;
  for (const fs::path& file : files) {
    const auto run = run_policyc({"compile", file.string()});
    ASSERT_TRUE(run.exit_code == 0 || run.exit_code == 1)
        << file << ": exit code " << run.exit_code << " signal " << run.signal << "\n"
        << run.err;
    if (run.exit_code == 0) {
      ++compiled;
      continue;
    }
    ++refused;
    std::smatch match;
    ASSERT_TRUE(
        std::regex_search(run.err, match, std::regex(R"(:\d+:\d+: error: (.+) \[(PC\d{4}) )")))
        << file << "\n"
        << run.err;
    reasons[match[2].str() + " " + match[1].str()].push_back(file.filename().string());
  }
  std::cout << files.size() << " files: " << compiled << " compile, " << refused << " refused\n";
  for (const auto& [reason, names] : reasons) {
    std::cout << "  " << names.size() << "  " << reason << " (" << names.front()
              << (names.size() > 1 ? ", ..." : "") << ")\n";
  }
  EXPECT_GT(compiled, 0U);
}

// An error of lint is a policy that a cluster refuses, or one that cannot do what it says. Nobody
// publishes the second as an example: in a corpus that is one, each would be a mistake of lint's.
TEST(Corpus, LintEndsAndItsErrorsAreRefusals) {
  const char* folder = std::getenv("POLICYC_CORPUS");
  const auto run = run_policyc(
      {"lint", folder != nullptr ? folder : POLICYC_CORPUS, "--no-config", "-o", "json"});
  ASSERT_TRUE(run.exit_code == 0 || run.exit_code == 1)
      << "exit code " << run.exit_code << " signal " << run.signal << "\n"
      << run.err;
  const auto json = nlohmann::json::parse(run.out);
  std::map<std::string, int> counts;
  for (const auto& finding : json["findings"]) {
    const std::string rule = finding["rule"];
    ++counts[rule + " " + finding["name"].get<std::string>()];
    if (finding["severity"] != "error") continue;
    // A file of the corpus beside another of the same policy is no mistake of either.
    const bool refused = rule.starts_with("PC") || rule == "PL0009" || rule == "PL0016" ||
                         rule == "PL0024" || rule == "PL0027";
    EXPECT_TRUE(refused) << finding.dump(2);
  }
  for (const auto& [rule, count] : counts) std::cout << "  " << count << "  " << rule << "\n";
}

}  // namespace
}  // namespace policyc::testing
