#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <sha2.h>

namespace policyc {

// SHA-256 (FIPS 180-4) as 64 lower-case hexadecimal digits.
[[nodiscard]] std::string sha256_hex(std::string_view bytes);
[[nodiscard]] std::string sha256_hex(std::span<const std::uint8_t> bytes);

// The same for bytes that arrive in parts. A copy goes on from where the original was.
class Sha256 {
 public:
  Sha256();
  void update(std::span<const std::uint8_t> bytes);
  void update(std::string_view bytes);
  // Of all that was given so far; more may be given afterwards.
  [[nodiscard]] std::string hex() const;

 private:
  SHA2_CTX context_;
};

}  // namespace policyc
