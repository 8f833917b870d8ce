#pragma once
// A text that is kept for long and seldom looked at.

#include <cstddef>
#include <string>
#include <string_view>

namespace policyc::worker {

// Large texts are compressed (zstd): manifests of many pods take a tenth.
class PackedText {
 public:
  explicit PackedText(std::string text);
  // `room` is for a text that is packed.
  [[nodiscard]] std::string_view unpack(std::string& room) const;
  // Of the same text.
  friend bool operator==(const PackedText&, const PackedText&) = default;

 private:
  std::size_t size_ = 0;  // of the text
  bool packed_ = false;
  std::string bytes_;
};

}  // namespace policyc::worker
