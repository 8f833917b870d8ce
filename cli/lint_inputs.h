#pragma once
// What `policyc lint` reads besides manifests: what a ConfigMap says of the cluster, and
// `.policyc.yaml`.

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "compiler/diag/diag.h"
#include "compiler/driver/inputs.h"
#include "compiler/lint/config.h"
#include "compiler/lint/model.h"
#include "compiler/support/result.h"

namespace policyc::cli {

// The keys of the ConfigMap `cilium-config` that change no verdict and that lint asks about.
[[nodiscard]] Result<lint::ClusterFacts> read_cluster_facts(const std::string& config_map);

struct FoundConfig {
  lint::Config config;
  std::filesystem::path folder;  // that the file lies in; paths of the configuration are relative
                                 // to it
};

// `path`, or with an empty one the first `.policyc.yaml` of the working directory and those above
// it, up to one that holds `.git`. Without a file the defaults. The Error is the rendered mistakes,
// or that the file cannot be read.
[[nodiscard]] Result<FoundConfig> find_config(const std::string& path);

// A file's name as the globs of the configuration mean it: relative to its folder.
[[nodiscard]] std::string path_in(const FoundConfig& found, const std::string& name);

// Files of `inputs` that a pattern of the configuration excludes are dropped; `explicit_paths` are
// what the user named, which stays.
void exclude(const FoundConfig& found, const std::vector<std::string>& explicit_paths,
             std::vector<driver::InputText>& inputs);

// The diagnostics that count: a directory holds files that are no manifests (values.yaml,
// templates), about which nothing, or no more than a note, is said. Without services among the
// manifests nothing is said about services that are missing.
[[nodiscard]] diag::Engine for_lint(const source::SourceMap& sources,
                                    const diag::Engine& diagnostics,
                                    const std::vector<std::string>& explicit_paths,
                                    bool knows_services);

// Writes all files, or none: temporaries beside them first. Modes stay; a link is followed.
[[nodiscard]] Result<void> replace_files(
    const std::vector<std::pair<std::string, std::string>>& texts);

}  // namespace policyc::cli
