#pragma once
// What one file of a session says. Internal to compiler/driver.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "compiler/diag/diag.h"
#include "compiler/policy/inventory.h"
#include "compiler/policy/reader.h"
#include "compiler/service/model.h"
#include "compiler/source/source.h"

namespace policyc::driver {

struct SessionFile {
  std::string name;
  std::optional<source::FileId> place;  // in the session's source map, when it has policies
  policy::PolicySet policies;
  std::vector<std::uint64_t> stamps;             // of the policies, those of Cilium first
  std::unique_ptr<policy::Inventory> inventory;  // none: it says nothing of what exists
  service::Objects services;
  diag::Engine reports;     // with places in the map it was read into
  std::string diagnostics;  // as text
  std::size_t text_bytes = 0;

  [[nodiscard]] bool has_policies() const {
    return !policies.cilium.empty() || !policies.kubernetes.empty() ||
           !policies.cidr_groups.empty();
  }
};

// Reads a file; it may be used when `reports` has no errors. `options` must outlive the result.
// What it reads of a file with policies stays in `sources`, of others nothing does.
[[nodiscard]] std::unique_ptr<SessionFile> read_session_file(source::SourceMap& sources,
                                                             std::string name, std::string text,
                                                             const policy::ReadOptions& options);

}  // namespace policyc::driver
