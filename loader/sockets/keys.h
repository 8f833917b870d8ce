#pragma once
// Sets of connected sockets, as socket_reverse names them. Private to this folder.

#include <cstddef>
#include <cstring>
#include <unordered_set>

#include "runtime/abi/service.h"

namespace policyc::sockets {

struct KeyHash {
  // Cookies are unique on a node; a socket has few peers.
  std::size_t operator()(const socket_reverse_key& key) const { return key.cookie; }
};
struct KeyEqual {
  bool operator()(const socket_reverse_key& a, const socket_reverse_key& b) const {
    return std::memcmp(&a, &b, sizeof a) == 0;
  }
};
using Keys = std::unordered_set<socket_reverse_key, KeyHash, KeyEqual>;

}  // namespace policyc::sockets
