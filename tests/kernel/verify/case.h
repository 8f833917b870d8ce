#pragma once
// One set of policies, compiled, with what verification needs.

#include <memory>
#include <string>
#include <vector>

#include "compiler/driver/compilation.h"
#include "compiler/verify/verify.h"

namespace policyc::kernel_test {

class VerifyCase {
 public:
  // The policies must compile.
  VerifyCase(std::string policies, std::string inventory = {});
  VerifyCase(std::vector<driver::InputText> policies, std::vector<driver::InputText> inventory);

  [[nodiscard]] const std::vector<driver::ShapeUnit>& units() const {
    return compilation_->shapes();
  }
  [[nodiscard]] const source::SourceMap& sources() const { return compilation_->sources(); }
  [[nodiscard]] verify::Subject subject(const driver::ShapeUnit& unit, std::size_t index = 0) const;
  // Verifies `program`, which was loaded under `shape`, for the first subject of the unit.
  [[nodiscard]] verify::Report verify(const driver::ShapeUnit& unit, const ir::Shape& shape,
                                      const verify::Program& program,
                                      std::size_t subject_index = 0) const;
  [[nodiscard]] verify::Model model() const;

 private:
  std::unique_ptr<driver::Compilation> compilation_;
};

// The object of C text and tables; without a description.
[[nodiscard]] Result<backend::Bytes> build_object(const emit::Emitted& emitted);

// Verifies an object in the kernel, rows and cells written from `rows`, rules named by `names`. An
// Error: it could not be loaded.
[[nodiscard]] Result<verify::Report> verify_in_kernel(const VerifyCase& test,
                                                      const driver::ShapeUnit& unit,
                                                      const ir::Shape& rows, const ir::Shape& names,
                                                      const backend::Bytes& object);

[[nodiscard]] std::string first_finding(const verify::Report& report);

}  // namespace policyc::kernel_test
