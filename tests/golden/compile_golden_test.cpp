// Whole policies to diagnostics, IR and C. One case is one folder of testdata/golden: input.yaml,
// perhaps inventory.yaml, and what is expected: diag.txt, and unless the input is refused ir.txt
// and policy.c.
#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "compiler/diag/diag.h"
#include "compiler/driver/compilation.h"
#include "compiler/emit/emit.h"
#include "compiler/ir/printer.h"
#include "compiler/irtext/reader.h"
#include "tests/support/golden.h"

namespace policyc {
namespace {

namespace fs = std::filesystem;

// Names are relative: expected files must not depend on where the source tree lies.
std::vector<driver::InputText> input(const fs::path& folder, const std::string& name) {
  if (!fs::exists(folder / name)) return {};
  return {{name, testing::read_file(folder / name)}};
}

class CompileGolden : public ::testing::TestWithParam<testing::GoldenCase> {};

TEST_P(CompileGolden, DiagnosticsIrAndC) {
  const fs::path& folder = GetParam().folder;
  auto inventory = input(folder, "inventory.yaml");
  driver::CompileOptions options;
  options.has_inventory = !inventory.empty();
  options.dump_after = {"all"};
  options.passes.verify_each = true;
  driver::Compilation compilation(options);
  const bool accepted = compilation.parse(input(folder, "input.yaml"), std::move(inventory)) &&
                        compilation.resolve() && compilation.build_shapes();
  EXPECT_EQ(accepted, !compilation.diagnostics().has_errors());
  EXPECT_TRUE(testing::matches_golden(
      folder / "diag.txt", diag::render_text(compilation.sources(), compilation.diagnostics())));
  if (!accepted) {
    EXPECT_FALSE(fs::exists(folder / "ir.txt")) << "a refused input has neither IR nor C";
    EXPECT_FALSE(fs::exists(folder / "policy.c"));
    return;
  }
  std::string ir;
  std::string c;
  for (const driver::ShapeUnit& unit : compilation.shapes()) {
    for (const auto& [pass, text] : unit.dumps) {
      const auto again = irtext::read(text);
      ASSERT_TRUE(again.has_value()) << pass << ": " << again.error().message;
      EXPECT_EQ(ir::print(*again), text) << pass;
    }
    ir += ir.empty() ? "" : "\n";
    for (const std::string& user : unit.users) ir += "; compiled for " + user + "\n";
    ir += ir::print(unit.ir) + "; shape " + unit.shape.hash + "\n";
    c += (c.empty() ? "" : "\n") + emit::text_with_listing(emit::emit(unit.shape), unit.shape);
  }
  EXPECT_TRUE(testing::matches_golden(folder / "ir.txt", ir));
  EXPECT_TRUE(testing::matches_golden(folder / "policy.c", c));
}

INSTANTIATE_TEST_SUITE_P(Testdata, CompileGolden,
                         ::testing::ValuesIn(testing::golden_cases("golden")),
                         testing::golden_name);

}  // namespace
}  // namespace policyc
