#pragma once
// Golden tests: one case is one folder under testdata/<suite>/, with its input files and
// `expected.txt`.
//
//   class ManifestGolden : public ::testing::TestWithParam<policyc::testing::GoldenCase> {};
//   TEST_P(ManifestGolden, Diagnostics) {
//     EXPECT_TRUE(matches_golden(GetParam().folder / "expected.txt", run(GetParam().folder /
//     "input.yaml")));
//   }
//   INSTANTIATE_TEST_SUITE_P(Testdata, ManifestGolden,
//   ::testing::ValuesIn(golden_cases("manifest")), golden_name);
//
// With UPDATE_GOLDEN=1 in the environment the expected files are rewritten; read the difference
// before keeping it. A suite without a case fails, so that a folder moved away does not pass
// silently.

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace policyc::testing {

struct GoldenCase {
  std::string name;
  std::filesystem::path folder;
  friend void PrintTo(const GoldenCase& golden, std::ostream* out) { *out << golden.name; }
};

// The bytes of a file; the test fails when there is no such file.
inline std::string read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  EXPECT_TRUE(in.good()) << "cannot read " << path;
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

inline bool updating_golden() {
  const char* value = std::getenv("UPDATE_GOLDEN");
  return value != nullptr && std::string_view(value) == "1";
}

// The case folders of testdata/<suite>, by name.
inline std::vector<GoldenCase> golden_cases(std::string_view suite) {
  std::vector<GoldenCase> cases;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(
           std::filesystem::path(POLICYC_TESTDATA) / suite, error)) {
    if (entry.is_directory()) cases.push_back({entry.path().filename().string(), entry.path()});
  }
  std::ranges::sort(cases, {}, &GoldenCase::name);
  return cases;
}

// A name that GoogleTest takes.
inline std::string golden_name(const ::testing::TestParamInfo<GoldenCase>& info) {
  std::string name = info.param.name;
  for (char& c : name) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
  }
  return name;
}

// Compares text with a file and shows the first line that differs; rewrites the file in update
// mode.
inline ::testing::AssertionResult matches_golden(const std::filesystem::path& file,
                                                 std::string_view actual) {
  if (updating_golden()) {
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary) << actual;
    return ::testing::AssertionSuccess();
  }
  if (!std::filesystem::exists(file)) {
    return ::testing::AssertionFailure()
           << file << " is missing; UPDATE_GOLDEN=1 writes it. Actual:\n"
           << actual;
  }
  const std::string expected = read_file(file);
  if (expected == actual) return ::testing::AssertionSuccess();
  const auto [left, right] = std::ranges::mismatch(expected, actual);
  const auto line = 1 + std::count(expected.begin(), left, '\n');
  return ::testing::AssertionFailure()
         << file << " differs from line " << line << " on.\n--- expected\n"
         << expected << "--- actual\n"
         << actual;
}

}  // namespace policyc::testing
