#include "compiler/support/sha256.h"

#include <array>

namespace policyc {

Sha256::Sha256() : context_() { SHA256Init(&context_); }

void Sha256::update(std::span<const std::uint8_t> bytes) {
  SHA256Update(&context_, bytes.data(), bytes.size());
}

void Sha256::update(std::string_view bytes) {
  update(std::span(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()));
}

std::string Sha256::hex() const {
  SHA2_CTX copy = context_;
  std::array<char, SHA256_DIGEST_STRING_LENGTH> text{};
  SHA256End(&copy, text.data());
  return text.data();
}

std::string sha256_hex(std::string_view bytes) {
  Sha256 hash;
  hash.update(bytes);
  return hash.hex();
}

std::string sha256_hex(std::span<const std::uint8_t> bytes) {
  Sha256 hash;
  hash.update(bytes);
  return hash.hex();
}

}  // namespace policyc
