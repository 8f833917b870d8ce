#include "compiler/support/sha256.h"

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

std::string hex_of(const Digest& digest) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text(2 * digest.size(), '\0');
  for (std::size_t i = 0; i < digest.size(); ++i) {
    text[2 * i] = kDigits[digest[i] >> 4U];
    text[2 * i + 1] = kDigits[digest[i] & 0xfU];
  }
  return text;
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
  Digest digest{};
  POLICYC_CHECK(EVP_DigestFinal_ex(of(copy.context_.get()), digest.data(), nullptr) == 1);
  return hex_of(digest);
}

// With one context for each thread: most of what is hashed is short.
Digest sha256(std::initializer_list<std::string_view> parts) {
  struct Free {
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  };
  thread_local const std::unique_ptr<EVP_MD_CTX, Free> kContext(EVP_MD_CTX_new());
  POLICYC_CHECK(EVP_DigestInit_ex(kContext.get(), algorithm(), nullptr) == 1);
  for (const std::string_view part : parts)
    POLICYC_CHECK(EVP_DigestUpdate(kContext.get(), part.data(), part.size()) == 1);
  Digest digest{};
  POLICYC_CHECK(EVP_DigestFinal_ex(kContext.get(), digest.data(), nullptr) == 1);
  return digest;
}

std::string sha256_hex(std::string_view bytes) { return hex_of(sha256({bytes})); }

std::string sha256_hex(std::span<const std::uint8_t> bytes) {
  return sha256_hex(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
}

}  // namespace policyc
