#pragma once
// The files that the compiler process was told, and what became of each: which version of a file a
// new process is told, and which one is not told again because the process died of it.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "loader/worker/client.h"
#include "loader/worker/packed_text.h"

namespace policyc::worker {

// How heavily the death of a process weighs on what it was doing. Whoever gets to kMaxBlame is not
// tried again.
inline constexpr unsigned kMaxBlame = 8;
inline constexpr unsigned kOwnDeath = 4;  // a crash, or longer than it may take
inline constexpr unsigned kKilled = 1;    // by SIGKILL: perhaps for memory, perhaps by a person

struct FileVersion {
  std::string name;
  PackedText content;
  unsigned blame = 0;
  bool doubted = false;       // a process died that may have been at it
  std::uint64_t process = 0;  // the last one that accepted it
  bool proven = false;        // a resolution with it was answered
  [[nodiscard]] bool quarantined() const { return blame >= kMaxBlame; }
  // A process gets it alone.
  [[nodiscard]] bool suspect() const { return blame != 0 || doubted; }
};
using VersionPtr = std::shared_ptr<FileVersion>;

struct TellFile {
  std::string key;
  VersionPtr version;
};

class FileBook {
 public:
  // The version to tell; nothing when the file is as it was, and then `result` is its answer, if it
  // has one already.
  VersionPtr put(const std::string& key, std::string name, std::string text,
                 std::vector<FileResult>& results);
  bool remove(const std::string& key) { return files_.erase(key) != 0; }

  // What the `process`th process said of a version. Nothing to tell the caller when it is not that
  // of now, or was answered before.
  void answered(const TellFile& told, const FileResult& result, std::uint64_t process,
                std::vector<FileResult>& results);
  // That process answered a resolution: what it had accepted has not killed it.
  void resolved(std::uint64_t process);
  // The process died of it, or of a resolution just after it; adds the file's result when that
  // changes what counts of it.
  void blame(const TellFile& told, unsigned weight, const std::string& how,
             std::vector<FileResult>& results);

  // For a new process, in the order to tell, by key: what counts of each file, then versions that
  // were not answered. With `proven_first` what no resolution has been answered with comes at the
  // end.
  [[nodiscard]] std::vector<TellFile> retell(bool proven_first) const;

  [[nodiscard]] std::size_t size() const { return files_.size(); }
  [[nodiscard]] std::size_t quarantined() const;

 private:
  struct File {
    VersionPtr now;     // as last told by the source
    VersionPtr good;    // accepted, last
    VersionPtr proven;  // part of a resolution, last
    bool answered = false;
    FileResult result;
  };
  std::unordered_map<std::string, File> files_;
  std::vector<std::string> unproven_;  // keys of what was accepted since the last resolution
};

}  // namespace policyc::worker
