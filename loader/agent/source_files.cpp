#include "loader/agent/source_files.h"

#include <iterator>
#include <set>
#include <utility>

namespace policyc::agent {

void SourceFiles::begin(Compiler& compiler) {
  begin_watch();
  synced_ = false;
  for (const auto& [key, kept] : store_.files()) {
    files_[key].name = kept.name;
    files_[key].last_good = true;
    compiler.put_file(key, kept.name, kept.content);
  }
  store_.forget_contents();
}

void SourceFiles::begin_watch() {
  for (auto& [key, file] : files_) file.told = false;
}

void SourceFiles::put(watch::Object object, Compiler& compiler) {
  File& file = files_[object.key];
  file.told = true;
  if (file.name != object.name) file.name = object.name;
  file.content = object.content;
  unsettled_.insert_or_assign(object.key, &file);
  file.accepted = false;
  file.unreadable.clear();
  judge(object.key, file);
  compiler.put_file(std::move(object.key), std::move(object.name), std::move(object.content));
}

bool SourceFiles::remove(const std::string& key, Compiler& compiler) {
  if (files_.erase(key) == 0) return false;
  unsettled_.erase(key);
  bad_.erase(key);
  compiler.remove_file(key);
  if (const auto erased = store_.erase(key); !erased) return true;  // told again at the next start
  return true;
}

bool SourceFiles::remove_untold(Compiler& compiler) {
  std::set<std::string> gone;
  for (const auto& [key, file] : files_) {
    if (!file.told) gone.insert(key);
  }
  for (const std::string& key : gone) remove(key, compiler);
  return !gone.empty();
}

bool SourceFiles::take(watch::Event event, Compiler& compiler) {
  const std::string& key = event.object.key;
  switch (event.kind) {
    case watch::EventKind::Put:
      put(std::move(event.object), compiler);
      return true;
    case watch::EventKind::Deleted:
      return remove(key, compiler);
    case watch::EventKind::Unusable: {
      File& file = files_[key];
      file.told = true;
      if (!event.object.name.empty()) file.name = event.object.name;
      file.unreadable = event.error;
      judge(key, file);
      return false;
    }
    case watch::EventKind::Synced: {
      const bool removed = remove_untold(compiler);
      const bool first = !std::exchange(synced_, true);
      return removed || first;
    }
  }
  return false;
}

// Most that are asked for have just been told.
SourceFiles::File* SourceFiles::find(const std::string& key) {
  if (const auto fresh = unsettled_.find(key); fresh != unsettled_.end()) return fresh->second;
  const auto found = files_.find(key);
  return found == files_.end() ? nullptr : &found->second;
}

void SourceFiles::take(const worker::FileResult& result) {
  File* const known = find(result.key);
  if (known == nullptr) return;
  File& file = *known;
  file.accepted = result.accepted;
  file.refused = !result.accepted;
  file.last_good = result.last_good;
  file.diagnostics = result.diagnostics;
  if (!result.accepted) file.content.reset();
  judge(result.key, file);
}

void SourceFiles::judge(const std::string& key, const File& file) {
  if (file.refused || !file.unreadable.empty()) {
    bad_.insert(key);
  } else {
    bad_.erase(key);
  }
}

Result<void> SourceFiles::settle(const std::vector<worker::FileResult>& refused) {
  for (const worker::FileResult& result : refused) take(result);
  std::vector<std::pair<std::string, LastGood::File>> accepted;
  for (auto at = unsettled_.begin(); at != unsettled_.end();) {
    auto& [key, file] = *at;
    if (file->content && !file->accepted) {
      ++at;
      continue;
    }
    if (file->content)
      accepted.emplace_back(key, LastGood::File{file->name, *std::exchange(file->content, {})});
    at = unsettled_.erase(at);
  }
  return store_.put(accepted);
}

std::vector<RefusedFile> SourceFiles::refused() const {
  std::vector<RefusedFile> result;
  for (const std::string& key : bad_) {
    const File& file = files_.at(key);
    const std::string& name = file.name.empty() ? key : file.name;
    const bool in_force = file.last_good || (!file.unreadable.empty() && file.accepted);
    result.push_back(
        {name, file.unreadable.empty() ? file.diagnostics : file.unreadable, in_force});
  }
  return result;
}

// What is told without a name is of the directory.
std::string SourceFiles::unreadable() const {
  const auto whole = files_.find(std::string());
  return whole == files_.end() ? std::string() : whole->second.unreadable;
}

std::string SourceFiles::bad_files() const {
  const std::size_t count = bad_.size() - bad_.count(std::string());
  if (count == 0) return {};
  const std::string& first = bad_.begin()->empty() ? *std::next(bad_.begin()) : *bad_.begin();
  if (count == 1) return first + (files_.at(first).refused ? " is refused" : " cannot be read");
  return std::to_string(count) + " files are not in force, " + first + " among them";
}

}  // namespace policyc::agent
