#include "loader/worker/file_book.h"

#include <algorithm>

namespace policyc::worker {

VersionPtr FileBook::put(const std::string& key, std::string name, std::string text,
                         std::vector<FileResult>& results) {
  File& file = files_[key];
  PackedText content(std::move(text));
  if (file.now && file.now->name == name && file.now->content == content) {
    if (file.answered) results.push_back(file.result);
    return nullptr;
  }
  // Back to what it was before, perhaps: blame stays.
  for (const VersionPtr& known : {file.good, file.proven}) {
    if (!known || known->name != name || known->content != content) continue;
    file.now = known;
    file.answered = known->quarantined();
    if (!file.answered) return known;
    results.push_back(file.result);
    return nullptr;
  }
  file.now = std::make_shared<FileVersion>(FileVersion{std::move(name), std::move(content)});
  file.answered = false;
  return file.now;
}

void FileBook::answered(const TellFile& told, const FileResult& result, std::uint64_t process,
                        std::vector<FileResult>& results) {
  told.version->blame = 0;
  told.version->doubted = false;
  const auto found = files_.find(told.key);
  if (found == files_.end()) return;
  File& file = found->second;
  if (result.accepted) {
    told.version->process = process;
    // What is told before it, to have something to fall back to, does not take its place.
    const bool earlier = told.version == file.proven && told.version != file.now && file.good;
    if (!earlier) {
      file.good = told.version;
      unproven_.push_back(told.key);
    }
  } else if (file.good == told.version) {
    file.good = nullptr;  // not any more: told again with less memory, perhaps
    file.answered = false;
  }
  if (file.now != told.version || file.answered) return;
  file.answered = true;
  file.result = result;
  results.push_back(result);
}

void FileBook::resolved(std::uint64_t process) {
  for (const std::string& key : unproven_) {
    const auto found = files_.find(key);
    if (found == files_.end()) continue;
    File& file = found->second;
    if (!file.good || file.good->process != process) continue;
    file.good->proven = true;
    file.proven = file.good;
  }
  unproven_.clear();
}

void FileBook::blame(const TellFile& told, unsigned weight, const std::string& how,
                     std::vector<FileResult>& results) {
  told.version->blame += weight;
  if (!told.version->quarantined()) return;
  const auto found = files_.find(told.key);
  if (found == files_.end()) return;
  File& file = found->second;
  if (file.proven == told.version) file.proven = nullptr;
  if (file.good == told.version) file.good = file.proven;
  if (file.now != told.version) return;
  file.answered = true;
  file.result = {told.key, false,
                 file.now->name + " is left out: the compiler process ended of it (" + how + ")\n",
                 file.good != nullptr, true};
  results.push_back(file.result);
}

std::vector<TellFile> FileBook::retell(bool proven_first) const {
  std::vector<TellFile> first;
  std::vector<TellFile> last;
  std::vector<std::string_view> keys;
  for (const auto& [key, file] : files_) keys.push_back(key);
  std::ranges::sort(keys);
  for (const std::string_view name : keys) {
    const std::string key(name);
    const File& file = files_.at(key);
    if (proven_first && file.proven && file.proven != file.good)
      first.push_back({key, file.proven});
    if (file.good) {
      const bool later = proven_first && !file.good->proven;
      (later ? last : first).push_back({key, file.good});
    }
    if (file.now != file.good && !file.answered)
      (proven_first ? last : first).push_back({key, file.now});
  }
  first.insert(first.end(), last.begin(), last.end());
  return first;
}

std::size_t FileBook::quarantined() const {
  return static_cast<std::size_t>(std::ranges::count_if(
      files_, [](const auto& item) { return item.second.now->quarantined(); }));
}

}  // namespace policyc::worker
