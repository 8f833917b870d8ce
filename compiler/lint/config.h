#pragma once
// `.policyc.yaml`, the part that lint reads:
//
//   lint:
//     cilium-version: "1.17"
//     fail-on: warning              # error, warning, note, never
//     baseline: .policyc-baseline.json
//     exclude: ["charts/*/tests/**"]
//     rules:
//       PL0012: off                 # off, note, warning, error; by id or name
//     paths:
//     - path: "legacy/**"
//       rules: {shadowed-rule: note}

#include <optional>
#include <string>
#include <vector>

#include "compiler/diag/diag.h"
#include "compiler/lint/lint.h"
#include "compiler/source/source.h"

namespace policyc::lint {

struct Config {
  Settings settings;
  std::vector<std::string> exclude;  // globs of files that are not read
  std::string cilium_version;        // empty: not said
  std::string fail_on;               // empty: not said
  std::string baseline;              // as written: relative to the configuration's folder
};

// Mistakes are reported with their place, and nothing is returned. `fail-on` and versions are
// checked. An empty file is an empty configuration; keys beside `lint` belong to other commands.
[[nodiscard]] std::optional<Config> read_config(source::SourceMap& sources, source::FileId file,
                                                diag::Engine& diagnostics);

// "1.17" or "1.17.3", with or without a `v`: major and minor.
[[nodiscard]] std::optional<std::pair<int, int>> parse_version(std::string_view text);

// Severities by name: "note", "off" and so on. Nothing: no such word.
[[nodiscard]] std::optional<std::optional<diag::Severity>> parse_setting(std::string_view word);

}  // namespace policyc::lint
