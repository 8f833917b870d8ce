#pragma once
// Policies and an inventory, read and resolved: what the offline commands answer from.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "compiler/diag/diag.h"
#include "compiler/driver/inputs.h"
#include "compiler/explain/world.h"
#include "compiler/policy/entry.h"
#include "compiler/policy/reader.h"
#include "compiler/source/source.h"
#include "compiler/support/result.h"

namespace policyc::cli {

// Read from texts; `sources` of the run must outlive it.
struct PolicyInputs {
  policy::Options agent;
  policy::ReadResult read;
  policy::Resolved resolved;
  diag::Engine diagnostics;
  bool usable = false;  // no error: the rest may be used

  [[nodiscard]] explain::Model model(const source::SourceMap& sources) const {
    return {read.cluster, resolved, agent, sources};
  }
};

// Bytes of manifests that were parsed, of how many; from any thread.
using ReadProgress = std::function<void(std::size_t done, std::size_t total)>;

// Files, directories and `-`; policies and what exists may stand in either. Errors of their content
// are in `diagnostics`; the Error is of a path that cannot be read.
[[nodiscard]] Result<std::unique_ptr<PolicyInputs>> read_policy_inputs(
    const std::vector<std::string>& policies, const std::vector<std::string>& endpoints,
    const policy::Options& agent, std::istream& standard_input, source::SourceMap& sources,
    const ReadProgress& progress = {});

// The same of texts that are at hand.
[[nodiscard]] std::unique_ptr<PolicyInputs> read_policy_texts(std::vector<driver::InputText> texts,
                                                              const policy::Options& agent,
                                                              source::SourceMap& sources,
                                                              const ReadProgress& progress = {});

// How many threads parse manifests.
[[nodiscard]] unsigned reading_threads();

}  // namespace policyc::cli
