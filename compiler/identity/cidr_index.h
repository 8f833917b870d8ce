#pragma once
// Prefixes that predicates ask for, found by a prefix inside them.

#include <array>
#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "compiler/support/ip.h"

namespace policyc::identity {

class CidrIndex {
 public:
  // `prefix` must not be in the index.
  void add(const IpPrefix& prefix, std::uint32_t value);
  void remove(const IpPrefix& prefix);
  [[nodiscard]] std::optional<std::uint32_t> find(const IpPrefix& prefix) const;
  // Appends the values of all prefixes that contain `inside` (itself included), shortest first.
  // One look-up for each length in use, at most 33 or 129, however many prefixes there are.
  void containing(const IpPrefix& inside, std::vector<std::uint32_t>& values) const;

 private:
  struct Hash {
    std::size_t operator()(const IpPrefix& prefix) const noexcept;
  };
  std::unordered_map<IpPrefix, std::uint32_t, Hash> values_;
  // [v6][length]: how many prefixes have that length.
  std::array<std::array<std::uint32_t, 129>, 2> lengths_{};
};

}  // namespace policyc::identity
