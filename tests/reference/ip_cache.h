#pragma once
// Address to peer class: exact addresses, then the longest prefix, then the world's class.

#include <cstdint>
#include <map>
#include <vector>

#include "tests/reference/address.h"

namespace policyc::reference {

class IpCache {
 public:
  void set(const Address& address, std::uint32_t peer_class) { exact_[address] = peer_class; }
  // `length` in bits. A prefix that is there already gets the new class.
  void set_prefix(const Address& address, std::size_t length, std::uint32_t peer_class);
  // `prefixes`: does the node look at prefixes of this family?
  [[nodiscard]] std::uint32_t class_of(const Address& address, bool prefixes,
                                       std::uint32_t world) const;

 private:
  struct Prefix {
    Address address;
    std::size_t length = 0;
    std::uint32_t peer_class = 0;
  };
  std::map<Address, std::uint32_t> exact_;
  std::vector<Prefix> prefixes_;
};

}  // namespace policyc::reference
