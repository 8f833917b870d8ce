#pragma once
// Compiled objects under verification: what they answer in the running kernel.

#include <memory>
#include <span>

#include "compiler/ir/shape.h"
#include "compiler/support/result.h"
#include "compiler/verify/verify.h"

namespace policyc::testrun {

// One datapath for any number of objects. Not thread-safe; needs root.
class ObjectPrograms {
 public:
  [[nodiscard]] static Result<ObjectPrograms> create();
  ObjectPrograms(ObjectPrograms&&) noexcept;
  ~ObjectPrograms();

  // Loads an object. `shape` is what rows and cells are written from, and its hash tells objects
  // apart: no two may have the same. Both must outlive the program, and so must this.
  [[nodiscard]] Result<verify::Program> load(const ir::Shape& shape,
                                             std::span<const std::uint8_t> object);

 private:
  struct State;
  explicit ObjectPrograms(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace policyc::testrun
