#pragma once
// The last good version of each file of the source, kept in <state>/agent/source: what an agent
// that starts again uses while the source's own version is bad.

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "compiler/support/result.h"

namespace policyc::agent {

class LastGood {
 public:
  struct File {
    std::string name;
    std::string content;
    friend bool operator==(const File&, const File&) = default;
  };

  // What is there; a file that cannot be read is left out, and named in `damaged`.
  [[nodiscard]] static Result<LastGood> open(std::filesystem::path folder);

  // By key, until forget_contents().
  [[nodiscard]] const std::map<std::string, File>& files() const { return files_; }
  [[nodiscard]] const std::vector<std::string>& damaged() const { return damaged_; }
  // They were told: from here on only their digests are kept in memory.
  void forget_contents();

  // There in full or not at all.
  [[nodiscard]] Result<void> put(const std::string& key, const File& file);
  [[nodiscard]] Result<void> erase(const std::string& key);
  [[nodiscard]] bool contains(const std::string& key) const { return digests_.contains(key); }

 private:
  explicit LastGood(std::filesystem::path folder) : folder_(std::move(folder)) {}
  [[nodiscard]] std::filesystem::path path_of(const std::string& key) const;

  std::filesystem::path folder_;
  std::map<std::string, File> files_;
  std::map<std::string, std::string> digests_;  // of what is on disk, by key
  std::vector<std::string> damaged_;
};

}  // namespace policyc::agent
