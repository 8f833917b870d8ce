#include "compiler/driver/file_versions.h"

#include <algorithm>
#include <utility>

namespace policyc::driver {

void FileVersions::put(const Key& key, const std::string& file, policy::EndpointRef endpoint) {
  std::vector<Version>& versions = versions_[key];
  const auto at = std::ranges::lower_bound(versions, file, {}, &Version::file);
  if (at != versions.end() && at->file == file) {
    at->endpoint = std::move(endpoint);
  } else {
    versions.insert(at, Version{file, std::move(endpoint)});
  }
}

void FileVersions::remove(const Key& key, const std::string& file) {
  const auto found = versions_.find(key);
  if (found == versions_.end()) return;
  std::erase_if(found->second, [&file](const Version& version) { return version.file == file; });
  if (found->second.empty()) versions_.erase(found);
}

policy::EndpointRef FileVersions::find(const Key& key) const {
  const auto found = versions_.find(key);
  return found == versions_.end() ? nullptr : found->second.back().endpoint;
}

const std::string* FileVersions::file_of(const Key& key) const {
  const auto found = versions_.find(key);
  return found == versions_.end() ? nullptr : &found->second.back().file;
}

bool SeenLabels::add(const policy::Inventory& file) {
  bool different = false;
  for (const auto& [name, labels] : file.seen_namespace_labels()) {
    for (const auto& [label, value] : labels) {
      Values& values = namespaces_[name][label];
      different = ++values[value] == 1 || values.size() > 1 || different;
    }
  }
  return different;
}

bool SeenLabels::remove(const policy::Inventory& file) {
  bool different = false;
  for (const auto& [name, labels] : file.seen_namespace_labels()) {
    auto& of_namespace = namespaces_[name];
    for (const auto& [label, value] : labels) {
      Values& values = of_namespace[label];
      different = values.size() > 1 || different;
      const auto found = values.find(value);
      if (--found->second != 0) continue;
      different = true;
      values.erase(found);
      if (values.empty()) of_namespace.erase(label);
    }
    if (of_namespace.empty()) namespaces_.erase(name);
  }
  return different;
}

}  // namespace policyc::driver
