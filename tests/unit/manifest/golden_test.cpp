// What each broken (and each tricky) file gives: the documents, one line each, and the rendered
// diagnostics.

#include "tests/support/golden.h"

#include <string>

#include <gtest/gtest.h>

#include "tests/unit/manifest/reading.h"

namespace policyc::manifest {
namespace {

using namespace policyc::testing;

class ManifestGolden : public ::testing::TestWithParam<GoldenCase> {};

TEST_P(ManifestGolden, GivesDocumentsAndDiagnostics) {
  const Reading reading = read(read_file(GetParam().folder / "input.yaml"));
  std::string actual;
  for (const Document& document : reading.documents) {
    actual += document.kind.value + " " + document.namespace_.value + "/" + document.name.value +
              " " + dump(document.root) + "\n";
  }
  actual += reading.rendered();
  EXPECT_TRUE(matches_golden(GetParam().folder / "expected.txt", actual));
}

INSTANTIATE_TEST_SUITE_P(Testdata, ManifestGolden, ::testing::ValuesIn(golden_cases("manifest")),
                         golden_name);

}  // namespace
}  // namespace policyc::manifest
