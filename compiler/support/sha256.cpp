#include "compiler/support/sha256.h"

#include <array>

#include <openssl/evp.h>

#include "compiler/support/check.h"

namespace policyc {
namespace {

EVP_MD_CTX* of(void* context) { return static_cast<EVP_MD_CTX*>(context); }

// Looked up once: OpenSSL searches its providers each time that it is asked.
const EVP_MD* algorithm() {
  static const EVP_MD* const kAlgorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  POLICYC_CHECK(kAlgorithm != nullptr);
  return kAlgorithm;
}

}  // namespace

void Sha256::Free::operator()(void* context) const { EVP_MD_CTX_free(of(context)); }

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  POLICYC_CHECK(EVP_DigestInit_ex(of(context_.get()), algorithm(), nullptr) == 1);
}

Sha256::Sha256(const Sha256& other) : context_(EVP_MD_CTX_new()) {
  POLICYC_CHECK(EVP_MD_CTX_copy_ex(of(context_.get()), of(other.context_.get())) == 1);
}

Sha256& Sha256::operator=(const Sha256& other) {
  Sha256 copy(other);
  context_ = std::move(copy.context_);
  return *this;
}

void Sha256::update(std::span<const std::uint8_t> bytes) {
  POLICYC_CHECK(EVP_DigestUpdate(of(context_.get()), bytes.data(), bytes.size()) == 1);
}

void Sha256::update(std::string_view bytes) {
  update(std::span(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()));
}

std::string Sha256::hex() const {
  const Sha256 copy(*this);
  std::array<unsigned char, 32> digest{};
  POLICYC_CHECK(EVP_DigestFinal_ex(of(copy.context_.get()), digest.data(), nullptr) == 1);
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const unsigned char byte : digest) {
    text += kDigits[byte >> 4U];
    text += kDigits[byte & 0xfU];
  }
  return text;
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
