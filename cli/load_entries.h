#pragma once
// What `policyc load` puts on interfaces: one entry from the command line, or a list of them from a
// batch file.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/policy/labels.h"
#include "compiler/support/ip.h"
#include "compiler/support/result.h"
#include "loader/endpoint/link.h"

namespace policyc::cli {

struct LoadEntry {
  std::string object;  // path
  std::string interface;
  std::vector<IpAddress> addresses;
  policy::LabelSet labels;
  std::optional<std::uint32_t> identity;
  bool audit = false;
  std::optional<endpoint::MacAddress> mac;
};

// `app=web,k8s:tier=a,reserved:init`; a label without source is k8s.
[[nodiscard]] Result<policy::LabelSet> parse_labels(const std::string& text);

// A JSON list of {"object", "interface", "addresses", "labels", "identity", "audit",
// "mac"}, the last four optional and nothing else; an Error names the entry, counted from 1, and
// the key.
[[nodiscard]] Result<std::vector<LoadEntry>> parse_batch(std::string_view text);

}  // namespace policyc::cli
