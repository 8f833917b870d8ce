#pragma once
// What a user of a source knows after its events.

#include <chrono>
#include <fstream>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <poll.h>

#include "loader/source/source.h"

namespace policyc::testing {

class SourceView {
 public:
  explicit SourceView(watch::Source& source) : source_(source) {}

  // Takes events until `done`; false when half a minute brings it not.
  bool until(const std::function<bool()>& done) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!done()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      pollfd waiting{source_.fd(), POLLIN, 0};
      ::poll(&waiting, 1, 100);
      take_all(done);
    }
    return true;
  }
  bool until_synced() {
    const std::size_t before = synced;
    return until([&] { return synced > before; });
  }
  // Takes what there is now.
  void take_all(const std::function<bool()>& done = [] { return false; }) {
    while (!done()) {
      auto event = source_.next();
      ASSERT_TRUE(event.has_value()) << event.error().message;
      if (!*event) return;
      take(**event);
    }
  }

  std::map<std::string, std::string> contents;  // of what is in force
  std::map<std::string, std::string> unusable;  // key -> error
  std::size_t synced = 0;
  std::vector<watch::Event> events;
  // Called for each Put.
  std::function<void(const watch::Object&)> on_put = [](const watch::Object&) {};

 private:
  void take(const watch::Event& event) {
    events.push_back(event);
    const std::string& key = event.object.key;
    EXPECT_GT(event.object.version, versions_[key]) << "of " << key;
    versions_[key] = event.object.version;
    switch (event.kind) {
      case watch::EventKind::Put:
        EXPECT_FALSE(event.object.name.empty());
        contents[key] = event.object.content;
        unusable.erase(key);
        on_put(event.object);
        break;
      case watch::EventKind::Deleted:
        EXPECT_TRUE(contents.contains(key) || unusable.contains(key)) << key << " was not there";
        contents.erase(key);
        unusable.erase(key);
        break;
      case watch::EventKind::Unusable:
        EXPECT_FALSE(event.error.empty());
        unusable[key] = event.error;
        break;
      case watch::EventKind::Synced:
        ++synced;
        break;
    }
  }

  watch::Source& source_;
  std::map<std::string, std::uint64_t> versions_;
};

inline void write_whole(const std::filesystem::path& path, const std::string& content) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
}

}  // namespace policyc::testing
