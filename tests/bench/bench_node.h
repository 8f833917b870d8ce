#pragma once
// A node for benchmarks, with maps and shapes. Needs root.

#include <cstdlib>
#include <optional>
#include <string>

#include "compiler/driver/compilation.h"
#include "loader/endpoint/classes.h"
#include "loader/endpoint/shape_sizes.h"
#include "loader/endpoint/shapes.h"
#include "loader/maps/node_maps.h"
#include "tests/bench/bench_paths.h"

namespace policyc::bench {

class BenchNode {
 public:
  explicit BenchNode(const maps::MapSizes& sizes)
      : maps_(must(maps::NodeMaps::open_or_create(paths().maps(), sizes))) {}

  [[nodiscard]] const endpoint::Paths& paths() const { return folders_.paths(); }
  [[nodiscard]] const maps::NodeMaps& maps() const { return maps_; }

  // Compiled and loaded, with the room that the loader would give it. `classes` takes its
  // predicates.
  [[nodiscard]] endpoint::LoadedShape load(ir::EndpointPolicy policy,
                                           endpoint::NodeClasses& classes,
                                           std::optional<ir::Form> form = std::nullopt) const {
    passes::Report report;
    passes::Options options;
    options.form.wanted = form;
    if (passes::run(policy, report, options) != passes::Outcome::Done) std::abort();
    const ir::Shape shape = ir::make_shape(policy);
    const auto compiled = must(driver::compile_shape(shape, source::SourceMap{}));
    const std::string key = endpoint::shape_key(shape, compiled.object);
    must(classes.add_shape(key, shape));
    const auto needed = endpoint::needed_sizes(shape, key, classes);
    return must(endpoint::ensure_shape(paths(), maps_, key, shape, compiled.object,
                                       endpoint::roomy_sizes(shape, needed)));
  }

 private:
  BenchPaths folders_;
  maps::NodeMaps maps_;
};

}  // namespace policyc::bench
