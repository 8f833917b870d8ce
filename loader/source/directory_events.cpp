#include <cerrno>

#include <sys/inotify.h>

#include "loader/source/directory.h"

namespace policyc::watch {
namespace {

using std::chrono::milliseconds;

constexpr std::uint32_t kCame = IN_CREATE | IN_MOVED_TO;
constexpr std::uint32_t kWent = IN_DELETE | IN_MOVED_FROM;
// How often what nobody tells of is looked at: targets of links, the root's path, what failed.
constexpr milliseconds kLookAround{2000};
constexpr milliseconds kLookForRoot{250};
// A file that was created and never opened for writing (a hard link) is taken after this time.
constexpr milliseconds kCreated{250};

}  // namespace

void DirectorySource::take_event(const Watches::Event& event) {
  if (event.name.empty()) {
    if ((event.mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT | IN_IGNORED)) == 0) return;
    if (event.directory.empty()) {
      everything_again();
    } else if ((event.mask & IN_MOVE_SELF) == 0) {  // else its parent tells
      directories_todo_.insert(event.directory);
    }
    return;
  }
  if (event.name == "..data" && (event.mask & (kCame | kWent)) != 0) {
    directories_todo_.insert(event.directory);
    return;
  }
  const bool is_manifest = is_manifest_name(event.name);
  const bool moves = (event.mask & (kCame | kWent)) != 0;
  if (event.name.starts_with('.') || (!is_manifest && !moves)) return;
  const std::string key = join(event.directory, event.name);
  if (moves) {
    // A symbolic link to a directory is none to the kernel. What has the name of a manifest is
    // read, and its reader tells; most others are the names of files before they are renamed.
    if ((event.mask & IN_ISDIR) != 0 || watches_.has(key) ||
        (troubles_ != 0 && entries_.contains(key + "/"))) {
      directories_todo_.insert(key);
    } else if ((event.mask & kWent) != 0) {
      links_todo_.erase(key);
    } else if (!is_manifest) {
      links_todo_.insert(key);
    }
  }
  if ((event.mask & IN_ISDIR) == 0 && is_manifest) take_file_event(key, event.mask);
}

void DirectorySource::take_file_event(const std::string& key, std::uint32_t mask) {
  if ((mask & (IN_CLOSE_WRITE | IN_MOVED_TO | kWent)) != 0) {
    attempts_.erase(key);
    files_todo_.insert(key);
  } else if ((mask & IN_CREATE) != 0) {
    struct stat status{};
    if (::lstat(path_of(key).c_str(), &status) == 0 && S_ISLNK(status.st_mode)) {
      files_todo_.insert(key);
    } else {
      schedule_.at(key, Clock::now() + kCreated);
    }
  } else if ((mask & IN_ATTRIB) != 0) {
    const auto known = entries_.find(key);
    if (known != entries_.end() && !known->second.error.empty()) files_todo_.insert(key);
  }
}

void DirectorySource::look_at_links() {
  for (const std::string& key : links_todo_) {
    struct stat status{};
    if (::stat(path_of(key).c_str(), &status) == 0 && S_ISDIR(status.st_mode))
      directories_todo_.insert(key);
  }
  links_todo_.clear();
}

void DirectorySource::everything_again() {
  sync_due_ = true;
  directories_todo_.insert(std::string());
  // A watch that was lost, or a directory that came unseen, is found by its parent's reading.
  for (const auto& [directory, watch] : watches_.all()) directories_todo_.insert(directory);
}

void DirectorySource::take_due() {
  const Clock::time_point now = Clock::now();
  while (auto key = schedule_.take_due(now)) files_todo_.insert(std::move(*key));
  if (now >= look_around_at_) look_around();
}

void DirectorySource::look_around() {
  struct stat status{};
  const bool there = ::stat(options_.directory.c_str(), &status) == 0;
  const FileIdentity now = there ? identity_of(status) : FileIdentity{};
  if (!root_) {
    directories_todo_.insert(std::string());
  } else if (!there || now.device != root_->device || now.inode != root_->inode) {
    everything_again();
  }
  for (const std::string& key : look_again_) {
    if (key.empty()) continue;
    if (key.ends_with('/')) {
      directories_todo_.insert(key.substr(0, key.size() - 1));
    } else {
      files_todo_.insert(key);
    }
  }
  look_around_at_ = Clock::now() + (root_ ? kLookAround : kLookForRoot);
}

}  // namespace policyc::watch
