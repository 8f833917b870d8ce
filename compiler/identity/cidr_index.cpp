#include "compiler/identity/cidr_index.h"

#include <cstring>

#include "compiler/identity/ids.h"
#include "compiler/support/check.h"

namespace policyc::identity {

namespace {

IpPrefix shortened(const IpPrefix& prefix, int length) {
  IpPrefix result = prefix;
  result.length = length;
  const auto whole = static_cast<std::size_t>(length / 8);
  const auto rest = static_cast<unsigned>(length % 8);
  for (std::size_t i = whole; i < result.address.bytes.size(); ++i) {
    const unsigned kept = i == whole && rest != 0 ? 0xffU << (8U - rest) : 0U;
    result.address.bytes[i] = static_cast<std::uint8_t>(result.address.bytes[i] & kept);
  }
  return result;
}

}  // namespace

std::size_t CidrIndex::Hash::operator()(const IpPrefix& prefix) const noexcept {
  std::array<std::uint64_t, 2> halves{};
  std::memcpy(halves.data(), prefix.address.bytes.data(), sizeof(halves));
  const auto length = static_cast<std::uint64_t>(prefix.length) * 2 + (prefix.address.v6 ? 1U : 0U);
  return spread(halves[0] ^ spread(halves[1] ^ spread(length)));
}

void CidrIndex::add(const IpPrefix& prefix, std::uint32_t value) {
  POLICYC_CHECK(values_.emplace(prefix, value).second);
  ++lengths_[prefix.address.v6 ? 1 : 0][static_cast<std::size_t>(prefix.length)];
}

void CidrIndex::remove(const IpPrefix& prefix) {
  POLICYC_CHECK(values_.erase(prefix) == 1);
  --lengths_[prefix.address.v6 ? 1 : 0][static_cast<std::size_t>(prefix.length)];
}

std::optional<std::uint32_t> CidrIndex::find(const IpPrefix& prefix) const {
  const auto found = values_.find(prefix);
  return found == values_.end() ? std::nullopt : std::optional(found->second);
}

void CidrIndex::containing(const IpPrefix& inside, std::vector<std::uint32_t>& values) const {
  const auto& lengths = lengths_[inside.address.v6 ? 1 : 0];
  for (int length = 0; length <= inside.length; ++length) {
    if (lengths[static_cast<std::size_t>(length)] == 0) continue;
    const auto found = values_.find(shortened(inside, length));
    if (found != values_.end()) values.push_back(found->second);
  }
}

}  // namespace policyc::identity
