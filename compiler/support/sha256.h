#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace policyc {

// SHA-256 (FIPS 180-4) as 64 lower-case hexadecimal digits.
[[nodiscard]] std::string sha256_hex(std::string_view bytes);
[[nodiscard]] std::string sha256_hex(std::span<const std::uint8_t> bytes);

// As its 32 bytes, of all parts together.
using Digest = std::array<std::uint8_t, 32>;
[[nodiscard]] Digest sha256(std::initializer_list<std::string_view> parts);

// The same for bytes that arrive in parts. A copy goes on from where the original was.
class Sha256 {
 public:
  Sha256();
  Sha256(const Sha256& other);
  Sha256& operator=(const Sha256& other);
  Sha256(Sha256&&) noexcept = default;
  Sha256& operator=(Sha256&&) noexcept = default;
  ~Sha256() = default;
  void update(std::span<const std::uint8_t> bytes);
  void update(std::string_view bytes);
  // Of all that was given so far; more may be given afterwards.
  [[nodiscard]] std::string hex() const;

 private:
  struct Free {
    void operator()(void* context) const;
  };
  std::unique_ptr<void, Free> context_;  // an EVP_MD_CTX of OpenSSL
};

}  // namespace policyc
