#include "loader/worker/frame.h"

#include <algorithm>
#include <cerrno>

#include <unistd.h>

namespace policyc::worker {

std::string length_prefix(std::size_t length) {
  std::string bytes(kLengthBytes, '\0');
  for (std::size_t i = 0; i < kLengthBytes; ++i)
    bytes[i] = static_cast<char>(length >> (8 * i) & 0xffU);
  return bytes;
}

std::uint32_t read_length(const char* bytes) {
  std::uint32_t length = 0;
  for (std::size_t i = 0; i < kLengthBytes; ++i)
    length |= static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[i])) << (8 * i);
  return length;
}

Result<std::optional<std::string>> FrameReader::next() {
  const std::size_t there = buffer_.size() - begin_;
  if (there < kLengthBytes) return std::nullopt;
  const std::size_t length = read_length(buffer_.data() + begin_);
  if (length > max_bytes_) return fail("a message of " + std::to_string(length) + " bytes");
  if (there - kLengthBytes < length) return std::nullopt;
  std::string message = buffer_.substr(begin_ + kLengthBytes, length);
  begin_ += kLengthBytes + length;
  // Moved to the front now and then, at a cost that the bytes given out have paid for.
  if (begin_ * 2 > buffer_.size()) {
    buffer_.erase(0, begin_);
    begin_ = 0;
    constexpr std::size_t kKeep = std::size_t{1} << 20;
    if (buffer_.empty() && buffer_.capacity() > kKeep) buffer_ = {};
  }
  return message;
}

bool Input::read(char* bytes, std::size_t size) {
  constexpr std::size_t kPiece = std::size_t{64} << 10;
  buffer_.resize(kPiece);
  while (size > 0) {
    const std::size_t there = std::min(size, end_ - begin_);
    std::copy_n(buffer_.data() + begin_, there, bytes);
    begin_ += there;
    bytes += there;
    size -= there;
    if (size == 0) break;
    // What is large goes where it is wanted.
    const bool direct = size >= kPiece;
    const ssize_t count = ::read(fd_, direct ? bytes : buffer_.data(), direct ? size : kPiece);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    const auto got = static_cast<std::size_t>(count);
    begin_ = 0;
    end_ = direct ? 0 : got;
    if (!direct) continue;
    bytes += got;
    size -= got;
  }
  return true;
}

bool write_whole(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(fd, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

}  // namespace policyc::worker
