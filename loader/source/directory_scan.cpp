#include <algorithm>
#include <cerrno>
#include <memory>
#include <system_error>

#include <dirent.h>
#include <unistd.h>

#include "loader/source/directory.h"

namespace policyc::watch {
namespace {

// Kubernetes mounts a ConfigMap or Secret as links through this link, which it replaces in one
// step.
constexpr std::string_view kDataLink = "..data";
constexpr int kMaxDepth = 16;
constexpr int kSwapAttempts = 8;

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

bool is_link(const std::filesystem::path& path) {
  struct stat status{};
  return ::lstat(path.c_str(), &status) == 0 && S_ISLNK(status.st_mode);
}

std::string link_target(const std::filesystem::path& path) {
  std::error_code error;
  return std::filesystem::read_symlink(path, error).string();
}

// Calls `visit` for each key of a sorted map that is below a directory.
template <class Map, class Visit>
void for_each_below(const Map& map, const std::string& directory, const Visit& visit) {
  const std::string prefix = directory.empty() ? directory : directory + "/";
  for (auto at = map.lower_bound(prefix); at != map.end() && at->first.starts_with(prefix); ++at)
    visit(at->first);
}

}  // namespace

// Why a directory is not to be read; empty when it may.
std::string DirectorySource::trouble_with(const std::string& directory) const {
  if (!watches_.has(directory) && watches_.all().size() >= options_.max_directories)
    return "is one directory more than " + std::to_string(options_.max_directories);
  if (std::count(directory.begin(), directory.end(), '/') + 1 > kMaxDepth) return "is too deep";
  struct stat own{};
  if (::stat(path_of(directory).c_str(), &own) != 0) return {};
  for (std::string above = directory; !above.empty();) {
    const std::size_t slash = above.rfind('/');
    above = slash == std::string::npos ? std::string() : above.substr(0, slash);
    struct stat status{};
    if (::stat(path_of(above).c_str(), &status) == 0 && status.st_dev == own.st_dev &&
        status.st_ino == own.st_ino) {
      return "is a symbolic link to a directory above it";
    }
  }
  return {};
}

// An empty error ends the trouble.
void DirectorySource::set_trouble(const std::string& directory, const std::string& error) {
  const std::string key = directory.empty() ? directory : directory + "/";
  if (!error.empty()) {
    tell_unusable(key, error);
  } else if (entries_.contains(key)) {
    tell_deleted(key);
  }
}

void DirectorySource::look_at_directory(const std::string& directory) {
  struct stat status{};
  const bool found = ::stat(path_of(directory).c_str(), &status) == 0;
  const int number = found ? ENOTDIR : errno;
  if (!found || !S_ISDIR(status.st_mode)) {
    if (directory.empty()) {
      root_is_missing(std::system_category().message(number));
    } else {
      drop_directory(directory);
      set_trouble(directory, number == EACCES ? std::system_category().message(number) : "");
    }
    return;
  }
  std::string trouble = directory.empty() ? std::string() : trouble_with(directory);
  if (!trouble.empty()) {
    drop_directory(directory);
    set_trouble(directory, trouble);
    return;
  }
  // The watch comes first: what changes while the directory is read is told afterwards.
  if (const auto watched = watches_.add(directory, path_of(directory)); !watched) {
    trouble = watched.error().message;
  }
  if (directory.empty()) root_ = identity_of(status);
  const bool swapped = !shared_version_ && is_link(path_of(join(directory, kDataLink)));
  const std::string unread = swapped ? look_at_swap(directory) : list_directory(directory);
  set_trouble(directory, trouble.empty() ? unread : trouble);
}

// Plans to look at all that is there, and at all that was. Why it cannot be read, or nothing.
std::string DirectorySource::list_directory(const std::string& directory) {
  const std::filesystem::path path = path_of(directory);
  const std::unique_ptr<DIR, CloseDirectory> stream(::opendir(path.c_str()));
  if (!stream) return "cannot be read: " + std::system_category().message(errno);
  std::set<std::string> seen;
  while (const dirent* entry = ::readdir(stream.get())) {
    const std::string_view name = entry->d_name;
    if (name.starts_with('.')) continue;
    std::string key = join(directory, name);
    unsigned char type = entry->d_type;
    if (type == DT_UNKNOWN || type == DT_LNK) {
      struct stat status{};
      if (::stat((path / name).c_str(), &status) == 0 && S_ISDIR(status.st_mode)) type = DT_DIR;
    }
    if (type == DT_DIR) directories_todo_.insert(key);
    // Also when a directory has taken the place of a file.
    if (is_manifest_name(name) && (type != DT_DIR || entries_.contains(key)))
      files_todo_.insert(key);
    seen.insert(std::move(key));
  }
  const std::size_t skip = directory.empty() ? 0 : directory.size() + 1;
  const auto is_gone = [&](const std::string& key) {
    return !key.empty() && !seen.contains(key.substr(0, key.find('/', skip)));
  };
  for_each_below(entries_, directory, [&](const std::string& key) {
    // "directory/" itself, which says what is wrong with it, is its caller's.
    if (key.size() == skip || !is_gone(key)) return;
    if (is_trouble(key)) {
      directories_todo_.insert(key.substr(0, key.size() - 1));
    } else {
      files_todo_.insert(key);
    }
  });
  for_each_below(watches_.all(), directory, [&](const std::string& key) {
    if (is_gone(key)) directories_todo_.insert(key);
  });
  return {};
}

// Everything of a directory whose content is replaced in one step is read in one step, and told
// with one version: it is read again when it has been replaced meanwhile.
std::string DirectorySource::look_at_swap(const std::string& directory) {
  const std::filesystem::path link = path_of(join(directory, kDataLink));
  std::set<std::string> directories, files;
  std::swap(directories, directories_todo_);
  std::swap(files, files_todo_);
  const std::size_t begin = queue_.size();
  std::string target = link_target(link), unread;
  for (int attempt = 0; attempt < kSwapAttempts; ++attempt) {
    shared_version_.reset();
    shared_version_ = next_version();
    unread = list_directory(directory);
    while (!directories_todo_.empty() || !files_todo_.empty()) do_one_task();
    const std::string now = link_target(link);
    if (now == target) break;
    target = now;
  }
  shared_version_.reset();
  std::swap(directories, directories_todo_);
  std::swap(files, files_todo_);
  directories_todo_.merge(directories);
  // Of two events of one key the later one counts.
  std::set<std::string> told;
  std::deque<Event> kept;
  while (queue_.size() > begin) {
    if (told.insert(queue_.back().object.key).second) kept.push_front(std::move(queue_.back()));
    queue_.pop_back();
  }
  std::move(kept.begin(), kept.end(), std::back_inserter(queue_));
  return unread;
}

// Forgets a directory and all below it; what was known of its files is looked at.
void DirectorySource::drop_directory(const std::string& directory) {
  std::vector<std::string> watched;
  const auto collect = [&](const std::string& key) { watched.push_back(key); };
  for_each_below(watches_.all(), directory, collect);
  for (const std::string& below : watched) watches_.remove(below);
  watches_.remove(directory);
  std::vector<std::string> below;
  for_each_below(entries_, directory, [&](const std::string& key) { below.push_back(key); });
  for (const std::string& key : below) {
    if (key.size() == directory.size() + 1) continue;  // what is wrong with it is its caller's
    if (is_trouble(key)) {
      tell_deleted(key);
    } else {
      files_todo_.insert(key);
    }
  }
}

// What its files said stays: a volume that is not mounted is not a wish to have no policies.
void DirectorySource::root_is_missing(const std::string& why) {
  std::vector<std::string> watched;
  for (const auto& [directory, watch] : watches_.all()) watched.push_back(directory);
  for (const std::string& directory : watched) watches_.remove(directory);
  directories_todo_.clear();
  files_todo_.clear();
  root_.reset();
  sync_due_ = true;
  look_around_at_ = std::min(look_around_at_, Clock::now() + std::chrono::milliseconds(250));
  tell_unusable({}, why);
}

}  // namespace policyc::watch
