#include "tests/reference/address.h"

#include <algorithm>
#include <stdexcept>

#include <arpa/inet.h>

namespace policyc::reference {

Address Address::of(const char* text) {
  Address result;
  if (inet_pton(AF_INET, text, result.bytes.data()) == 1) {
    result.family = 4;
  } else if (inet_pton(AF_INET6, text, result.bytes.data()) == 1) {
    result.family = 6;
  } else {
    throw std::invalid_argument(text);
  }
  return result;
}

bool Address::is_unspecified() const {
  return std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t byte) { return byte == 0; });
}

bool Address::is_link_local() const {
  return family == 6 && bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80;
}

}  // namespace policyc::reference
