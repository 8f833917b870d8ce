#pragma once
// All rules over one set of manifests: findings, suppressed or not, in the order of the text.

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "compiler/diag/finding.h"
#include "compiler/lint/model.h"
#include "compiler/lint/rule.h"

namespace policyc::lint {

// A rule's severity where something says so; nothing: it is off.
using Severities = std::map<std::string, std::optional<diag::Severity>>;  // by rule id

// Settings for files whose names match.
struct PathSettings {
  std::string pattern;  // a glob: `*` within a part, `**` across parts
  Severities severities;
};

struct Settings {
  Severities severities;
  std::vector<PathSettings> paths;  // later ones win
};

struct Options {
  Settings settings;
  // What the globs of the settings are held against, of a file's name; nothing: the name.
  std::function<std::string(const std::string&)> path_of;
  unsigned workers = 1;
  std::function<void(std::size_t done, std::size_t total)> progress;  // from any thread
};

// `compiled` are the diagnostics of whoever read and resolved the manifests: those that a rule
// adopts become findings of that rule, the others findings of their own (PCnnnn). The report has
// rules and findings; cases, version and fail_on are the caller's.
[[nodiscard]] diag::Report run(const Inputs& inputs, const diag::Engine& compiled,
                               const Options& options);

// `*` matches within a part of a path, `**` any parts, `?` one character.
[[nodiscard]] bool matches_glob(std::string_view pattern, std::string_view path);

// What reports say of the rules.
[[nodiscard]] diag::FindingRule describe(const Rule& rule);

}  // namespace policyc::lint
