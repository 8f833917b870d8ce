#pragma once
// Both sides of a comparison read together: a text that both have is read once.

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "compiler/diag/diag.h"
#include "compiler/explain/world.h"
#include "compiler/policy/entry.h"
#include "compiler/policy/reader.h"
#include "compiler/source/source.h"

namespace policyc::diff {

struct Text {
  std::string name;  // what diagnostics print
  std::string text;
};

struct ReadOptions {
  policy::Options agent;
  unsigned workers = 1;  // threads that parse
  // Bytes that were parsed, of how many; from any of the threads.
  std::function<void(std::size_t done, std::size_t total)> progress;
};

// What both sides say, and where. Places in texts that are the same on both sides have the name
// that the new side gives them.
struct Sides {
  policy::Options agent;
  source::SourceMap sources;
  diag::Engine diagnostics;  // of both, each once
  struct Side {
    policy::ReadResult read;
    policy::Resolved resolved;
  };
  std::array<Side, 2> sides;  // old, new
  bool usable = false;        // no error: `sides` may be used

  [[nodiscard]] explain::Model model(std::size_t side) const {
    return {sides[side].read.cluster, sides[side].resolved, agent, sources};
  }
};

// Policies and what exists, of the old and the new side, in the order in which they count.
[[nodiscard]] std::unique_ptr<Sides> read_sides(std::array<std::vector<Text>, 2> texts,
                                                const ReadOptions& options);

}  // namespace policyc::diff
