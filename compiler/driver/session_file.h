#pragma once
// What one file of a session says. Internal to compiler/driver.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/diag/diag.h"
#include "compiler/policy/inventory.h"
#include "compiler/policy/reader.h"
#include "compiler/service/model.h"
#include "compiler/source/source.h"
#include "compiler/support/rare.h"

namespace policyc::driver {

struct SessionFile {
  std::string name;
  std::optional<source::FileId> place;  // in the session's source map, when it has policies
  Rare<policy::PolicySet> policies;
  std::vector<std::uint64_t> stamps;             // of the policies, those of Cilium first
  std::unique_ptr<policy::Inventory> inventory;  // none: it says nothing of what exists
  Rare<service::Objects> services;
  diag::Engine reports;     // with places in the map it was read into
  std::string diagnostics;  // as text
  std::size_t text_bytes = 0;

  [[nodiscard]] bool has_policies() const {
    return !policies->cilium.empty() || !policies->kubernetes.empty() ||
           !policies->cidr_groups.empty();
  }
};

// Reads a file; it may be used when `reports` has no errors. `options` must outlive the result.
// What it reads of a file with policies stays in `sources`, of others nothing does. A large one
// without policies is read by up to `workers` threads.
[[nodiscard]] std::unique_ptr<SessionFile> read_session_file(source::SourceMap& sources,
                                                             std::string name, std::string text,
                                                             const policy::ReadOptions& options,
                                                             unsigned workers = 1);

// What documents of a text say, into `file`.
void read_into(SessionFile& file, source::SourceMap& sources, source::FileId id,
               const policy::ReadOptions& options);
// The same without places, of a large text by several threads, each with a part. Nothing: there is
// something to report, with places that only a reading of the whole text has, or there are
// policies.
[[nodiscard]] std::unique_ptr<SessionFile> read_in_parts(const std::string& name,
                                                         std::string_view text,
                                                         const policy::ReadOptions& options,
                                                         unsigned workers);

}  // namespace policyc::driver
