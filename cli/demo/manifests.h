#pragma once
// The demo's manifests (testdata/demo), built into the program by cmake/EmbedFile.cmake.

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "compiler/driver/inputs.h"

namespace policyc::demo {

struct EmbeddedFile {
  std::string_view path;  // "demo/api.yaml"
  std::span<const std::uint8_t> bytes;
};

[[nodiscard]] std::span<const EmbeddedFile> manifest_files();

// Namespaces and pods.
[[nodiscard]] std::vector<driver::InputText> cluster_manifests();
// The policies; with `updated`, those of demo/update take the place of their namesakes.
[[nodiscard]] std::vector<driver::InputText> policy_manifests(bool updated);

}  // namespace policyc::demo
