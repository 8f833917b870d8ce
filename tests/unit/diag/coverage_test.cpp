// Every registered diagnostic must be exercised by a test. The code of one ("PC0103") somewhere in
// testdata/, or its code or name ("Id::UnknownField") in a source file under tests/, counts.
// Goldens of rendered diagnostics contain the code by themselves, so a new id usually needs no more
// than its golden case.

#include <array>
#include <cctype>
#include <filesystem>
#include <set>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "compiler/diag/diag.h"
#include "tests/support/golden.h"

namespace policyc::diag {
namespace {

namespace fs = std::filesystem;

struct Exemption {
  Id id;
  std::string_view reason;
};

// Ids that no test can provoke, each with its reason. Prefer a test.
constexpr std::array<Exemption, 0> kExemptions{};

constexpr std::string_view kIdPrefix = "Id::";
constexpr std::string_view kCodePrefix = "PC";
constexpr std::size_t kCodeLength = 6;

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

void collect_codes(std::string_view text, std::set<std::string>& found) {
  for (std::size_t at = text.find(kCodePrefix); at != std::string_view::npos;
       at = text.find(kCodePrefix, at + 1)) {
    found.emplace(text.substr(at, kCodeLength));
  }
}

void collect_names(std::string_view text, std::set<std::string>& found) {
  for (std::size_t at = text.find(kIdPrefix); at != std::string_view::npos;
       at = text.find(kIdPrefix, at + 1)) {
    const std::size_t begin = at + kIdPrefix.size();
    std::size_t end = begin;
    while (end < text.size() && is_word(text[end])) ++end;
    found.emplace(text.substr(begin, end - begin));
  }
}

std::set<std::string> mentioned() {
  std::set<std::string> found;
  const fs::path testdata = POLICYC_TESTDATA;
  const fs::path tests = testdata.parent_path() / "tests";
  for (const auto& entry : fs::recursive_directory_iterator(testdata)) {
    if (entry.is_regular_file()) collect_codes(testing::read_file(entry.path()), found);
  }
  for (const auto& entry : fs::recursive_directory_iterator(tests)) {
    const fs::path& path = entry.path();
    if (!entry.is_regular_file() || path.filename() == "coverage_test.cpp") continue;
    if (path.extension() != ".cpp" && path.extension() != ".h") continue;
    const std::string text = testing::read_file(path);
    collect_codes(text, found);
    collect_names(text, found);
  }
  return found;
}

TEST(DiagnosticCoverage, EveryDiagnosticIsExercised) {
  const std::set<std::string> found = mentioned();
  std::set<Id> exempt;
  for (const Exemption& exemption : kExemptions) exempt.insert(exemption.id);
  std::string missing;
  for (const Registered& entry : registry()) {
    const bool covered = found.contains(code(entry.id)) || found.contains(std::string(entry.name));
    if (!covered && !exempt.contains(entry.id))
      missing += "  " + code(entry.id) + " " + std::string(entry.name) + "\n";
    EXPECT_FALSE(covered && exempt.contains(entry.id))
        << code(entry.id) << " is exercised; delete its exemption";
  }
  EXPECT_TRUE(missing.empty()) << "no test exercises\n" << missing;
}

TEST(DiagnosticCoverage, EveryExemptionHasAReason) {
  for (const Exemption& exemption : kExemptions)
    EXPECT_FALSE(exemption.reason.empty()) << code(exemption.id);
}

}  // namespace
}  // namespace policyc::diag
