#pragma once
// The manifests below a directory, watched: *.yaml, *.yml, *.json, keyed by their path below it.
// docs/sources.md says what counts as one change and what happens to files that are being written.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/support/sha256.h"
#include "loader/bpf/fd.h"
#include "loader/source/complete_file.h"
#include "loader/source/schedule.h"
#include "loader/source/source.h"
#include "loader/source/watches.h"

namespace policyc::watch {

struct DirectoryOptions {
  std::filesystem::path directory{};
  std::size_t max_file_bytes = std::size_t{8} << 20;
  std::size_t max_total_bytes = std::size_t{1} << 30;  // of all files as they were told last
  std::size_t max_files = 65536;
  std::size_t max_directories = 4096;
  // How long a file may be away before it counts as deleted: editors rename the old one away and
  // write a new one.
  std::chrono::milliseconds deletion_grace{100};
  Leases leases = Leases::Try;
};

// Tells everything at each start; it does not resume. An object that is not a file says what is
// wrong with a directory, as Unusable until Deleted: its key ends in '/', and is empty for the
// directory itself. While that one is missing nothing is Synced and nothing Deleted. Events of one
// change (..data) have one version.
class DirectorySource final : public Source {
 public:
  explicit DirectorySource(DirectoryOptions options);

  [[nodiscard]] Result<bool> start(const std::optional<Cursor>& after) override;
  [[nodiscard]] int fd() const override { return poll_.get(); }
  [[nodiscard]] Result<std::optional<Event>> next() override;
  [[nodiscard]] Cursor cursor() const override;

 private:
  using Clock = std::chrono::steady_clock;

  // What was told of a key.
  struct Entry {
    std::optional<Digest> hash{};  // of the content; nothing: none was told
    std::string error{};           // of the Unusable that was told since
    std::size_t bytes = 0;         // of the content
    FileIdentity identity{};
    bool settled = false;  // any later change shows in `identity`
    bool link = false;     // a symbolic link: nobody tells when its target changes
    std::optional<Clock::time_point> missing_since{};
  };

  // directory.cpp: what is told
  std::uint64_t next_version();
  void tell(EventKind kind, const std::string& key, std::string content = {},
            std::string error = {});
  void tell_unusable(const std::string& key, const std::string& error);
  void tell_deleted(const std::string& key);
  void look_at_file(const std::string& key);
  void take_content(const std::string& key, Entry& entry, FileRead read);
  void file_is_missing(const std::string& key);
  [[nodiscard]] std::size_t room_beside(std::size_t bytes) const;
  void retry(const std::string& key);
  bool do_one_task();
  void set_timer();

  // directory_scan.cpp: directories and what is in them
  void look_at_directory(const std::string& directory);
  std::string list_directory(const std::string& directory);
  std::string look_at_swap(const std::string& directory);
  void drop_directory(const std::string& directory);
  void root_is_missing(const std::string& why);
  [[nodiscard]] std::string trouble_with(const std::string& directory) const;
  void set_trouble(const std::string& directory, const std::string& error);

  // directory_events.cpp: what the kernel and the clock say
  void take_event(const Watches::Event& event);
  void take_file_event(const std::string& key, std::uint32_t mask);
  void look_at_links();
  void everything_again();
  void take_due();
  void look_around();

  [[nodiscard]] std::string path_of(const std::string& key) const {
    return key.empty() ? options_.directory.string() : before_key_ + key;
  }

  DirectoryOptions options_;
  std::string before_key_;  // the directory's path, ending in '/'
  bpf::Fd poll_, timer_, work_;
  Watches watches_;
  std::map<std::string, Entry> entries_;
  std::set<std::string> look_again_;  // keys of links and of what was Unusable, if it still is
  std::size_t total_bytes_ = 0;       // of all entries
  std::size_t troubles_ = 0;          // entries that are of directories
  std::deque<Event> queue_;
  std::set<std::string> directories_todo_, files_todo_;
  int files_until_read_ = 1;          // of the kernel's queue, while files are to be looked at
  std::set<std::string> links_todo_;  // what came that may lead to a directory
  Schedule schedule_;
  std::map<std::string, int> attempts_;  // at files that are being written
  Clock::time_point look_around_at_{};
  Clock::time_point armed_{};         // what timer_ is set to
  bool has_work_ = false;             // work_ is readable
  std::optional<FileIdentity> root_;  // the directory that is watched; only device and inode count
  bool sync_due_ = false;             // Synced is to be told when all is done
  bool synced_ = false;               // it was told once
  bool started_ = false;
  std::uint64_t version_ = 0;
  std::optional<std::uint64_t> shared_version_;  // of the events of one change
};

// Whether the key of what was told is a directory's.
[[nodiscard]] inline bool is_trouble(const std::string& key) {
  return key.empty() || key.ends_with('/');
}
// Whether a file of this name is a manifest.
[[nodiscard]] bool is_manifest_name(std::string_view name);
// The path of something in a directory, which is empty for the root.
[[nodiscard]] std::string join(const std::string& directory, std::string_view name);

}  // namespace policyc::watch
