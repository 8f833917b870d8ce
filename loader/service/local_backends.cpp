#include "loader/service/local_backends.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <tuple>

namespace policyc::service {
namespace {

local_backend_key key_of(const backend_value& value) {
  local_backend_key key{};
  key.service = value.service;
  std::ranges::copy(value.address, key.address);
  return key;
}

struct Less {
  bool operator()(const local_backend_key& a, const local_backend_key& b) const {
    return std::memcmp(&a, &b, sizeof a) < 0;
  }
};

}  // namespace

Result<void> index_backends(const maps::ServiceMaps& maps, std::span<const Write> written) {
  for (const Write& write : written) {
    const auto& [number, value] = std::get<PutBackend>(write);
    if ((value.flags & BACKEND_LOCAL) == 0) continue;
    const local_backend_key key = key_of(value);
    if (value.state != BACKEND_FREE) {
      if (auto put = maps.local_backends.update(key, number); !put) return put;
      continue;
    }
    const auto present = maps.local_backends.lookup(key);
    if (!present) return std::unexpected(present.error());
    if (!*present || **present != number) continue;
    if (auto gone = maps.local_backends.erase(key); !gone) return std::unexpected(gone.error());
  }
  return {};
}

Result<void> index_all_backends(const maps::ServiceMaps& maps,
                                const std::vector<backend_value>& backends) {
  std::map<local_backend_key, std::uint32_t, Less> wanted;
  for (std::uint32_t number = 1; number < backends.size(); ++number) {
    const backend_value& value = backends[number];
    if (value.state != BACKEND_FREE && (value.flags & BACKEND_LOCAL) != 0)
      wanted[key_of(value)] = number;
  }
  const auto present = maps.local_backends.entries();
  if (!present) return std::unexpected(present.error());
  for (const auto& [key, number] : *present) {
    const auto found = wanted.find(key);
    if (found == wanted.end()) {
      if (auto gone = maps.local_backends.erase(key); !gone) return std::unexpected(gone.error());
    } else if (found->second == number) {
      wanted.erase(found);
    }
  }
  for (const auto& [key, number] : wanted) {
    if (auto put = maps.local_backends.update(key, number); !put) return put;
  }
  return {};
}

}  // namespace policyc::service
