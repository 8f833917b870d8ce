#pragma once
// What the source has told, file by file, and what became of it: accepted, refused, unreadable.
// Hands files to the compiler, and keeps their last good versions.

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "loader/agent/compiler.h"
#include "loader/agent/last_good.h"
#include "loader/source/source.h"

namespace policyc::agent {

struct RefusedFile {
  std::string name;
  std::string diagnostics;
  bool last_good = false;  // an earlier version is in force
};

class SourceFiles {
 public:
  explicit SourceFiles(LastGood store) : store_(std::move(store)) {}

  // A compiler that knows nothing: it is told the last good versions, and the source has to tell
  // everything again.
  void begin(Compiler& compiler);
  // A watch that tells everything again has begun: what it does not tell until it has told all is
  // gone.
  void begin_watch();
  // True when what the source says is different now.
  bool take(watch::Event event, Compiler& compiler);
  void take(const worker::FileResult& result);
  // Everything accepted so far goes together; `refused` does not. Good versions go to disk: an
  // Error does not stop anything, and says what was not kept.
  [[nodiscard]] Result<void> settle(const std::vector<worker::FileResult>& refused);

  [[nodiscard]] bool synced() const { return synced_; }
  [[nodiscard]] std::size_t count() const { return files_.size(); }
  [[nodiscard]] std::vector<RefusedFile> refused() const;
  // Why the source as a whole cannot be read; empty: it can.
  [[nodiscard]] std::string unreadable() const;
  // In few words, which files are not in force as they are; empty: none.
  [[nodiscard]] std::string bad_files() const;
  [[nodiscard]] const std::vector<std::string>& damaged() const { return store_.damaged(); }

 private:
  struct File {
    std::string name;
    bool told = false;                   // by the source, since begin()
    std::optional<std::string> content;  // until it is known to be good or bad
    bool accepted = false;
    bool refused = false;
    bool last_good = false;
    std::string diagnostics;
    std::string unreadable;  // why the source cannot read it
  };
  [[nodiscard]] File* find(const std::string& key);
  void judge(const std::string& key, const File& file);
  void put(watch::Object object, Compiler& compiler);
  bool remove(const std::string& key, Compiler& compiler);
  bool remove_untold(Compiler& compiler);

  LastGood store_;
  std::unordered_map<std::string, File> files_;
  std::map<std::string, File*> unsettled_;  // files that have their content
  std::set<std::string> bad_;               // of files that are refused or unreadable
  bool synced_ = false;
};

}  // namespace policyc::agent
