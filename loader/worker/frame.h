#pragma once
// Messages on a stream: each after its length in four bytes, little-endian.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/support/result.h"

namespace policyc::worker {

inline constexpr std::size_t kLengthBytes = 4;
// A file and its frame.
inline constexpr std::size_t kMaxRequestBytes = (std::size_t{64} << 20) + (std::size_t{1} << 20);
inline constexpr std::size_t kMaxReplyBytes = std::size_t{128} << 20;
// Answers that the process has ready and does not write yet.
inline constexpr unsigned kMaxHeld = 32;

// The four bytes before a message of that length.
[[nodiscard]] std::string length_prefix(std::size_t length);
[[nodiscard]] std::uint32_t read_length(const char* bytes);

// Bytes as they come, to messages.
class FrameReader {
 public:
  explicit FrameReader(std::size_t max_bytes) : max_bytes_(max_bytes) {}
  void append(std::string_view bytes) { buffer_.append(bytes); }
  // The next message, when it is whole; an Error when it says that it is too large, and then
  // always.
  [[nodiscard]] Result<std::optional<std::string>> next();

 private:
  std::size_t max_bytes_;
  std::string buffer_;
  std::size_t begin_ = 0;  // what is before was given out
};

// What comes on a descriptor that blocks, read in large pieces.
class Input {
 public:
  explicit Input(int fd) : fd_(fd) {}
  // False at the end of the stream, or when it broke.
  [[nodiscard]] bool read(char* bytes, std::size_t size);
  // Whether something has come that nobody has asked for yet.
  [[nodiscard]] bool has_more() const { return begin_ != end_; }

 private:
  int fd_;
  std::vector<char> buffer_;
  std::size_t begin_ = 0;  // of what nobody has asked for
  std::size_t end_ = 0;
};

// On a descriptor that blocks. False when it broke.
[[nodiscard]] bool write_whole(int fd, std::string_view bytes);

}  // namespace policyc::worker
