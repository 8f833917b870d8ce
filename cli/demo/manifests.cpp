#include "cli/demo/manifests.h"

#include <algorithm>
#include <string>

#include "compiler/support/check.h"

namespace policyc::demo {
namespace {

constexpr std::string_view kCluster = "demo/cluster.yaml";
constexpr std::string_view kFolder = "demo/";
constexpr std::string_view kUpdateFolder = "demo/update/";

driver::InputText input(const EmbeddedFile& file) {
  return {std::string(file.path), std::string(file.bytes.begin(), file.bytes.end())};
}

// The file that replaces `path` in the live update, or null.
const EmbeddedFile* update_of(std::string_view path) {
  const std::string wanted = std::string(kUpdateFolder) + std::string(path.substr(kFolder.size()));
  const auto files = manifest_files();
  const auto found = std::find_if(files.begin(), files.end(),
                                  [&](const EmbeddedFile& file) { return file.path == wanted; });
  return found == files.end() ? nullptr : &*found;
}

}  // namespace

std::vector<driver::InputText> cluster_manifests() {
  std::vector<driver::InputText> inputs;
  for (const EmbeddedFile& file : manifest_files()) {
    if (file.path == kCluster) inputs.push_back(input(file));
  }
  POLICYC_CHECK(inputs.size() == 1);
  return inputs;
}

std::vector<driver::InputText> policy_manifests(bool updated) {
  std::vector<driver::InputText> inputs;
  for (const EmbeddedFile& file : manifest_files()) {
    if (file.path == kCluster || file.path.starts_with(kUpdateFolder)) continue;
    const EmbeddedFile* replacement = updated ? update_of(file.path) : nullptr;
    inputs.push_back(input(replacement != nullptr ? *replacement : file));
  }
  return inputs;
}

}  // namespace policyc::demo
