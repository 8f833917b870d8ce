#pragma once
// Opens or makes pinned maps, one after the other. Private to this folder.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <utility>

#include "compiler/support/result.h"
#include "loader/bpf/map.h"

namespace policyc::maps {

template <class Key, class Value>
bpf::MapSpec spec(const char* name, std::uint32_t type, std::uint32_t entries,
                  std::uint32_t flags = 0) {
  return {name, type, sizeof(Key), sizeof(Value), entries, flags};
}

// After the first failure nothing is taken any more.
class Taker {
 public:
  Taker(std::filesystem::path directory, bool make)
      : directory_(std::move(directory)), make_(make) {}

  bpf::MapHandle take(const bpf::MapSpec& wanted) {
    if (failed_) return {};
    const auto path = directory_ / wanted.name;
    auto handle =
        make_ ? bpf::MapHandle::open_or_create(wanted, path) : bpf::MapHandle::open(wanted, path);
    if (!handle) {
      failed_ = handle.error();
      return {};
    }
    return std::move(*handle);
  }
  [[nodiscard]] const std::optional<Error>& failed() const { return failed_; }

 private:
  std::filesystem::path directory_;
  bool make_;
  std::optional<Error> failed_;
};

}  // namespace policyc::maps
