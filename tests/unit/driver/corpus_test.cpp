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

// Examples work, each in a cluster of its own: an error of lint must be a refusal. All files at
// once only have to end well; together they are policies of many clusters.
TEST(Corpus, LintEndsAndItsErrorsAreRefusals) {
  const auto lint = [](const std::string& path) {
    const auto run = run_policyc({"lint", path, "--no-config", "-o", "json"});
    EXPECT_TRUE(run.exit_code == 0 || run.exit_code == 1)
        << path << ": exit code " << run.exit_code << " signal " << run.signal << "\n"
        << run.err;
    return nlohmann::json::parse(run.out);
  };
  std::map<std::string, int> counts;
  for (const fs::path& file : corpus_files()) {
    for (const auto& finding : lint(file.string())["findings"]) {
      const std::string rule = finding["rule"];
      ++counts[rule + " " + finding["name"].get<std::string>()];
      if (finding["severity"] != "error") continue;
      // These three take over what the agent or the API server refuses.
      EXPECT_TRUE(rule.starts_with("PC") || rule == "PL0009" || rule == "PL0024" ||
                  rule == "PL0025")
          << finding.dump(2);
    }
  }
  for (const auto& [rule, count] : counts) std::cout << "  " << count << "  " << rule << "\n";
  const char* folder = std::getenv("POLICYC_CORPUS");
  EXPECT_TRUE(lint(folder != nullptr ? folder : POLICYC_CORPUS).contains("findings"));
}

}  // namespace
}  // namespace policyc::testing
