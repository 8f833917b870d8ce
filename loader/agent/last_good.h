#pragma once
// The last good version of each file of the source, kept in <state>/agent/source: what an agent
// that starts again uses while the source's own version is bad.
//
// They are lines of a journal, of which the last one of a key counts: `DIGEST {"key", "name"}`, a
// tab and the content, with line ends and backslashes as `\n` and `\\`; or `DIGEST {"key",
// "gone"}`. DIGEST is the start of the rest's SHA-256. A line that a process died of writing has no
// end, and is cut off. When half of the journal is of no use any more it is written anew. (Versions
// before had the content in the JSON object.)

#include <cstddef>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "compiler/support/result.h"
#include "loader/bpf/fd.h"

namespace policyc::agent {

class LastGood {
 public:
  struct File {
    std::string name;
    std::string content;
    friend bool operator==(const File&, const File&) = default;
  };

  // What is there; what cannot be read is left out, and named in `damaged`. A folder of a version
  // before, with a file for each, is taken over.
  [[nodiscard]] static Result<LastGood> open(std::filesystem::path folder);

  // By key, until forget_contents().
  [[nodiscard]] const std::map<std::string, File>& files() const { return files_; }
  [[nodiscard]] const std::vector<std::string>& damaged() const { return damaged_; }
  // They were told: from here on only their digests are kept in memory.
  void forget_contents();

  // By key. An Error when one cannot be kept; the others are, unless the disk takes no more. Each
  // is there in full or not at all; not flushed to disk.
  [[nodiscard]] Result<void> put(std::span<const std::pair<std::string, File>> files);
  [[nodiscard]] Result<void> put(const std::string& key, const File& file);
  [[nodiscard]] Result<void> erase(const std::string& key);
  [[nodiscard]] bool contains(const std::string& key) const { return known_.contains(key); }

 private:
  struct Known {
    std::string digest;
    std::size_t bytes = 0;  // of its line
  };
  struct Lines {  // to be written
    std::string text;
    std::vector<std::pair<const std::string*, Known>> known;  // by key
  };
  explicit LastGood(std::filesystem::path folder) : folder_(std::move(folder)) {}
  [[nodiscard]] std::filesystem::path journal() const { return folder_ / "journal"; }
  [[nodiscard]] Result<void> read_journal();
  void read_line(std::string_view line, std::size_t number);
  [[nodiscard]] Result<void> open_journal();
  [[nodiscard]] Result<void> take_over_files();
  [[nodiscard]] Result<void> append(const std::string& lines);
  [[nodiscard]] Result<void> write(Lines& lines);
  [[nodiscard]] Result<void> write_anew();
  // Anew when more of the journal is of no use than of use.
  [[nodiscard]] Result<void> trim();
  void know(const std::string& key, Known now);
  void forget(const std::string& key);

  std::filesystem::path folder_;
  bpf::Fd file_;
  std::size_t bytes_ = 0;  // of the journal
  std::size_t live_ = 0;   // of them, of lines that count
  std::map<std::string, File> files_;
  std::unordered_map<std::string, Known> known_;  // what is on disk, by key
  std::vector<std::string> damaged_;
};

}  // namespace policyc::agent
