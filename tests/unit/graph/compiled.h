#pragma once
// The graph of manifests, as `policyc graph` makes it.

#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "compiler/driver/compilation.h"
#include "compiler/graph/graph.h"
#include "compiler/graph/selection.h"

namespace policyc::graph::testing {

class Compiled {
 public:
  explicit Compiled(std::vector<driver::InputText> inputs) : compilation_(options()) {
    const bool good = compilation_.parse(std::move(inputs), {}) && compilation_.resolve() &&
                      compilation_.build_shapes();
    EXPECT_TRUE(good) << diag::render_text(compilation_.sources(), compilation_.diagnostics());
    const policy::Options& agent = compilation_.options().read.agent;
    Input input{{}, compilation_.read().cluster, compilation_.resolved(), agent};
    for (const driver::ShapeUnit& unit : compilation_.shapes())
      input.shapes.push_back({&unit.shape, unit.subjects});
    graph_ = build(input);
  }
  Compiled(const Compiled&) = delete;
  Compiled& operator=(const Compiled&) = delete;

  [[nodiscard]] const Graph& graph() const { return graph_; }
  [[nodiscard]] Selection everything() const { return Selection(graph_); }
  [[nodiscard]] Selection only(const Wanted& wanted) const {
    auto selection = Selection::make(graph_, wanted);
    EXPECT_TRUE(selection.has_value()) << selection.error().message;
    return *selection;
  }

 private:
  static driver::CompileOptions options() {
    driver::CompileOptions options;
    options.has_inventory = true;
    return options;
  }

  driver::Compilation compilation_;
  Graph graph_;
};

// The manifests of testdata/graph/<name>, named without the folder.
inline std::vector<driver::InputText> sample(const std::string& name) {
  std::istringstream none;
  const std::string folder = std::string(POLICYC_TESTDATA) + "/graph/" + name;
  auto inputs = driver::read_inputs({folder}, none);
  EXPECT_TRUE(inputs.has_value()) << inputs.error().message;
  for (driver::InputText& input : *inputs) input.name = input.name.substr(folder.size() + 1);
  return std::move(*inputs);
}

}  // namespace policyc::graph::testing
