#pragma once
// What several files say of the same endpoints, and of the labels of namespaces. Internal to
// compiler/driver.

#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "compiler/policy/cluster.h"
#include "compiler/policy/inventory.h"

namespace policyc::driver {

// Endpoints of one kind, by namespace and name, as each file has them: the last file counts.
class FileVersions {
 public:
  using Key = policy::Inventory::Key;

  // Nothing as the endpoint: the file says that there is none.
  void put(const Key& key, const std::string& file, policy::EndpointRef endpoint);
  void remove(const Key& key, const std::string& file);

  // What counts; nothing: there is none.
  [[nodiscard]] policy::EndpointRef find(const Key& key) const;
  // The file that counts, also one that says that there is none; nothing: no file speaks of it.
  [[nodiscard]] const std::string* file_of(const Key& key) const;

 private:
  struct Version {
    std::string file;
    policy::EndpointRef endpoint;
  };
  struct Hash {
    // Not noexcept: libstdc++ keeps such hashes instead of making them again when it grows.
    std::size_t operator()(const Key& key) const {
      const std::hash<std::string> hash;
      return hash(key.first) * 31 + hash(key.second);
    }
  };
  std::unordered_map<Key, std::vector<Version>, Hash> versions_;  // by file
};

// Labels of namespaces that files have seen on endpoints.
class SeenLabels {
 public:
  // Each returns whether what all files together say may be different now: of a label that is seen
  // with several values the first file's counts.
  bool add(const policy::Inventory& file);
  bool remove(const policy::Inventory& file);

 private:
  // How many files have seen it with each value.
  using Values = std::map<std::string, std::size_t>;
  std::map<std::string, std::map<std::string, Values>> namespaces_;  // by label
};

}  // namespace policyc::driver
