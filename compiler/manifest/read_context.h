#pragma once
// What the readers of one file share.

#include <cstddef>
#include <cstdint>
#include <string>

#include "compiler/diag/diag.h"
#include "compiler/manifest/document.h"
#include "compiler/manifest/positions.h"

namespace policyc::manifest {

struct ReadContext {
  source::SourceMap& sources;
  source::FileId file;
  diag::Engine& diagnostics;
  const Limits& limits;
  Positions& positions;
  std::size_t node_count = 0;      // in the whole file, against Limits::max_nodes
  std::size_t converted_keys = 0;  // warned about
  std::uint32_t placeless = 0;     // nodes without a place

  diag::Diagnostic& report(diag::Id id, const Extent& extent, std::string message);
  source::NodeId add_node(const Extent& extent);
  // Reports each member whose key an earlier one has, until the diagnostics are exhausted. True
  // when there was none.
  [[nodiscard]] bool check_duplicate_keys(const Node& mapping);
};

// Thrown, also through yaml-cpp, when the rest of a document cannot be read; a diagnostic was
// reported before.
struct StopReading {};

}  // namespace policyc::manifest
