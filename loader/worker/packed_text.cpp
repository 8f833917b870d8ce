#include "loader/worker/packed_text.h"

#include <utility>

#include <zstd.h>

#include "compiler/support/check.h"

namespace policyc::worker {
namespace {

constexpr std::size_t kSmall = 4096;  // not worth it
constexpr int kLevel = 1;

}  // namespace

PackedText::PackedText(std::string text) : size_(text.size()) {
  if (size_ > kSmall) {
    std::string bytes(ZSTD_compressBound(size_), '\0');
    const std::size_t count =
        ZSTD_compress(bytes.data(), bytes.size(), text.data(), text.size(), kLevel);
    packed_ = ZSTD_isError(count) == 0U;
    if (packed_) {
      bytes_.assign(bytes, 0, count);
      return;
    }
  }
  bytes_ = std::move(text);
  if (bytes_.capacity() > size_ + size_ / 8) bytes_.shrink_to_fit();
}

std::string_view PackedText::unpack(std::string& room) const {
  if (!packed_) return bytes_;
  room.resize(size_);
  const std::size_t count = ZSTD_decompress(room.data(), room.size(), bytes_.data(), bytes_.size());
  POLICYC_CHECK(count == size_);  // memory holds what was put there
  return room;
}

}  // namespace policyc::worker
