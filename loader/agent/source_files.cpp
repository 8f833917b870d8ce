#include "loader/agent/source_files.h"

#include <set>
#include <utility>

namespace policyc::agent {

void SourceFiles::begin(Compiler& compiler) {
  for (auto& [key, file] : files_) file.told = false;
  synced_ = false;
  for (const auto& [key, kept] : store_.files()) {
    files_[key].name = kept.name;
    files_[key].last_good = true;
    compiler.put_file(key, kept.name, kept.content);
  }
  store_.forget_contents();
}

void SourceFiles::put(const watch::Object& object, Compiler& compiler) {
  File& file = files_[object.key];
  file.told = true;
  file.name = object.name;
  file.content = object.content;
  unsettled_.insert(object.key);
  file.accepted = false;
  file.unreadable.clear();
  compiler.put_file(object.key, object.name, object.content);
}

bool SourceFiles::remove(const std::string& key, Compiler& compiler) {
  if (files_.erase(key) == 0) return false;
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

bool SourceFiles::take(const watch::Event& event, Compiler& compiler) {
  const std::string& key = event.object.key;
  switch (event.kind) {
    case watch::EventKind::Put:
      put(event.object, compiler);
      return true;
    case watch::EventKind::Deleted:
      return remove(key, compiler);
    case watch::EventKind::Unusable: {
      File& file = files_[key];
      file.told = true;
      if (!event.object.name.empty()) file.name = event.object.name;
      file.unreadable = event.error;
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

void SourceFiles::take(const worker::FileResult& result) {
  const auto found = files_.find(result.key);
  if (found == files_.end()) return;
  File& file = found->second;
  file.accepted = result.accepted;
  file.refused = !result.accepted;
  file.last_good = result.last_good;
  file.diagnostics = result.diagnostics;
  if (!result.accepted) file.content.reset();
}

Result<void> SourceFiles::settle(const std::vector<worker::FileResult>& refused) {
  for (const worker::FileResult& result : refused) take(result);
  Result<void> outcome;
  for (auto key = unsettled_.begin(); key != unsettled_.end();) {
    const auto found = files_.find(*key);
    const bool waits = found != files_.end() && found->second.content && !found->second.accepted;
    if (waits) {
      ++key;
      continue;
    }
    if (found != files_.end() && found->second.content) {
      File& file = found->second;
      auto kept = store_.put(*key, {file.name, std::move(*file.content)});
      file.content.reset();
      if (!kept) outcome = std::unexpected(kept.error());
    }
    key = unsettled_.erase(key);
  }
  return outcome;
}

std::vector<RefusedFile> SourceFiles::refused() const {
  std::vector<RefusedFile> result;
  for (const auto& [key, file] : files_) {
    const std::string& name = file.name.empty() ? key : file.name;
    if (!file.unreadable.empty()) {
      result.push_back({name, file.unreadable, file.accepted || file.last_good});
    } else if (file.refused) {
      result.push_back({name, file.diagnostics, file.last_good});
    }
  }
  return result;
}

}  // namespace policyc::agent
